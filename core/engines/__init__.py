"""What draws an in-between: engines with one small interface."""
