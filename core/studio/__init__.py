"""What `animi studio` does for its page."""
