"""The work of all commands: images, video, motion, training. Independent of the command line; prints nothing."""
