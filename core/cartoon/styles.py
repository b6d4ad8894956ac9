"""Styles: outlines and colours of a scene. A new style is one entry in STYLES."""

from collections.abc import Mapping
from dataclasses import dataclass

from .puppets import Colour

DARK = frozenset({"line", "pupil", "nose", "black", "mouth"})
"""Roles that stay dark in the styles that leave everything else white."""


@dataclass(frozen=True)
class Style:
    """How shapes become ink and colour. Units are those of the sheet, 100 units high."""

    line: float = 0.75
    """Width of a line of weight 1; 0 draws no outlines."""
    swell: float = 0.45
    """How much heavier a line is on the side away from the light, as a part of its width."""
    line_colour: Colour | None = (34, 24, 30)
    """None: each outline is a dark shade of what it surrounds."""
    shade: float = 0.0
    """How much darker the side away from the light is; 0 draws no shade."""
    gradient: float = 0.0
    """How much darker every fill gets towards its lower end."""
    grain: float = 0.0
    """Strength of the paper or paint texture."""
    grain_size: float = 1.0
    """Size of the texture, as a multiple of what it is drawn for."""
    texture: str = "paper"
    """Which of textures.TEXTURES the grain is."""
    paper: Colour | None = None
    """Line-only styles: everything is this colour except what is dark."""
    saturation: float = 1.0

    def fill(self, role: str, palette: Mapping[str, Colour]) -> Colour:
        """Colour of a role."""
        if self.paper is not None:
            ink = self.line_colour or (30, 30, 34)
            return ink if role in DARK else self.paper
        colour = palette[role] if role in palette else BASICS[role]
        if self.saturation == 1.0:
            return colour
        grey = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]
        red, green, blue = (round(min(max(grey + self.saturation * (c - grey), 0), 255)) for c in colour)
        return red, green, blue

    def outline(self, fill: Colour) -> Colour:
        """Colour of the outline around a fill."""
        return self.line_colour if self.line_colour is not None else darker(fill, 0.5)


BASICS: Mapping[str, Colour] = {
    "line": (34, 24, 30),
    "black": (28, 24, 30),
    "white": (252, 250, 244),
    "eye": (255, 253, 246),
    "pupil": (24, 20, 28),
    "nose": (36, 26, 34),
    "mouth": (92, 24, 34),
    "tongue": (226, 110, 112),
    "shadow": (120, 96, 84),
    "cheek": (240, 150, 130),
}
"""Colours that a palette need not name."""


def darker(colour: Colour, amount: float) -> Colour:
    """Darkens a colour by a share, a little less in blue, as shadows are."""
    red, green, blue = colour
    return round(red * (1 - amount)), round(green * (1 - amount)), round(blue * (1 - 0.8 * amount))


STYLES: Mapping[str, Style] = {
    "house": Style(shade=0.16),
    "flat": Style(line=0.55, swell=0.3),
    "bold": Style(line=1.35, swell=0.5, line_colour=(16, 12, 16)),
    "coloured-line": Style(line=0.6, line_colour=None, shade=0.12),
    "no-line": Style(line=0.0, gradient=0.15),
    "soft": Style(line=0.0, gradient=0.3, grain=0.05, texture="cloud", grain_size=0.7),
    "painted": Style(line=0.5, line_colour=None, gradient=0.2, grain=0.07, texture="brush", grain_size=0.45),
    "paper-cut": Style(line=0.0, shade=0.2, grain=0.05, texture="paper", grain_size=0.5),
    "television": Style(line=0.5, swell=0.0, saturation=0.75),
    "ink": Style(line=1.0, swell=0.7, line_colour=(20, 18, 24), paper=(247, 243, 232)),
    "pencil": Style(line=0.45, swell=0.4, line_colour=(70, 66, 74), paper=(250, 249, 245), grain=0.03),
    "hatched": Style(line=0.8, swell=0.6, paper=(244, 236, 216), grain=0.10, grain_size=0.6, texture="hatch"),
    "halftone": Style(line=0.9, grain=0.05, texture="dots", grain_size=0.4),
    "blueprint": Style(line=0.5, swell=0.1, line_colour=(222, 236, 250), paper=(38, 78, 132)),
    "grey": Style(line=0.7, saturation=0.0, gradient=0.1, grain=0.05, texture="paper"),
}
