"""Pictures from trained networks: sampled, or refined."""
