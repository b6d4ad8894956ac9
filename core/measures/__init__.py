"""Metrics of drawn frames against the truth: metrics, ghosts, perceptual distance, features."""
