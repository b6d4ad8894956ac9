"""How near drawn frames come to the truth: metrics, ghosts, perceptual distance, features."""
