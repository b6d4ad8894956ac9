"""Probability distributions of sprites: their number, placement, parts and motion, on the CPU and on the device.

None of them was tuned: they spread sprites over the picture and their motion over two orders of magnitude, as in films.
"""

COUNTS = (1, 1, 1, 2, 3)
"""Numbers of sprites in a sample; each entry is equally likely."""
HELD = 0.4
"""Share of the sprites whose drawing is held, so that all their motion is known."""
SIDES = (0.25, 1.1)
"""Smallest and largest side, relative to the picture's; uniform in the logarithm."""
MIDDLES = (0.2, 0.8)
"""Range of the position of their centre, relative to the picture's side."""
MOVES = 0.85
"""Share of sprites that move."""
WAYS = (0.003, 0.45)
"""Shortest and longest motion of those, relative to the picture's side; uniform in the logarithm."""
TURNED = 12.0
"""Standard deviation of their rotation, in degrees."""
SPINS, SPUN = 0.5, 18.0
"""Share of sprites that rotate from one key frame to the other, and the standard deviation in degrees."""
SWELLS, SWELLED = 0.4, 0.12
"""Share of sprites that change size, and the standard deviation of the logarithm of the change."""
SLIDE = 0.12
"""Largest motion of a ground in each direction, relative to the picture's side."""
INKED, INK = 0.15, (0.004, 0.02)
"""Share of drawings in parts that are drawn as lines, and the width of these, relative to the drawing's side."""
PART_MOVES = 0.35
"""Share of a drawing's parts that move by themselves."""
SWUNG, SQUASHED, SHIFTED = 25.0, 0.25, 0.04
"""Standard deviations: of a part's rotation, in degrees; of the logarithm of its height; of its shift, relative to the
drawing's side."""
PART_COMES, SMALL_PART = 0.06, 0.2
"""Share of the parts that come or go, and the area up to which a part does, relative to the drawing's largest."""
BENDS, BENT, WAVES = 0.4, 0.05, (0.6, 2.5)
"""Share of drawings that bend, the standard deviation of the bend, and the range of its wave's length, both relative to
the drawing's side."""
SHADOWS, SHADE = 0.2, (0.15, 0.5)
"""Share of drawings with a shadow, and how dark it is."""
STROKES, FADES = 0.12, 0.5
"""Share of drawings that are a thin ring or curve instead, and of those the share that pale or darken."""
STROKES_GROW = 0.35
"""Standard deviation of the logarithm by which a ring or a curve grows."""
ROWS, IN_ROW = 0.2, (3, 7)
"""Share of drawings of which there are several in a row, one of them other than the rest, and how many."""
COMES = 0.06
"""Share of drawings that come or go as a whole."""
