"""Everything the commands do: images, video, motion, training. Knows no command line and prints nothing."""
