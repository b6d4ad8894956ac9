"""Batches of what draws itself: cartoons, collages and sprites."""
