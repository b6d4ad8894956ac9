"""Network weights: checkpoints, where they lie, and those trained on ImageNet."""
