"""What tests of options draw with."""

import pytest

from animi.core.config.interpolation import InterpolateConfig
from animi.core.inbetween.command import draw_animation


@pytest.fixture
def list_read():
    """Draws in-betweens, and returns the names of the settings that were read: `list_read(inputs, output, count=3)`."""
    seen = set()

    class Noting(InterpolateConfig):
        def __getattribute__(self, name):
            seen.add(name)
            return super().__getattribute__(name)

    def draw(inputs, output, **options):
        config = Noting(inputs, output, **options)
        seen.clear()  # of what the checks have read
        draw_animation(config)
        return set(seen)

    return draw
