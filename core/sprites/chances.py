"""Probability distributions of sprites: their number, placement and motion, on the CPU and on the device.

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
