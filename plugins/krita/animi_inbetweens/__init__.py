"""animi's in-betweens in Krita: Tools, Scripts, Draw in-betweens."""

from krita import Krita

from .extension import DrawInbetweens

Krita.instance().addExtension(DrawInbetweens(Krita.instance()))
