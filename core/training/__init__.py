"""One loop for all trainings, and what they share."""
