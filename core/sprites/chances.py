"""How sprites are chosen, placed and moved, wherever samples are made with them: on the processor, and on a GPU.

None of it was tuned: it spreads sprites over the picture and their motion over two orders of magnitude, as shots do.
"""

COUNTS = (1, 1, 1, 2, 3)
"""How many sprites a sample has, each as likely as its place in this list."""
HELD = 0.4
"""Share of the sprites that hold their own drawing, so that all their motion is known."""
SIDES = (0.25, 1.1)
"""Smallest and largest side, of the picture's; between them evenly by the logarithm."""
MIDDLES = (0.2, 0.8)
"""Where their middle is, of the picture's side."""
MOVES = 0.85
"""Share that moves at all."""
WAYS = (0.003, 0.45)
"""Shortest and longest way of those, of the picture's side; between them evenly by the logarithm."""
TURNED = 12.0
"""Degrees, standard deviation: how far they are turned."""
SPINS, SPUN = 0.5, 18.0
"""Share that turns from one key frame to the other, and by how many degrees (standard deviation)."""
SWELLS, SWELLED = 0.4, 0.12
"""Share that grows or shrinks, and the logarithm of by how much (standard deviation)."""
SLIDE = 0.12
"""The longest way of a ground in each direction, of the picture's side."""
