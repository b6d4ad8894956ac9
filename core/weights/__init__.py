"""Network weights: checkpoints, their places, and weights trained on ImageNet."""
