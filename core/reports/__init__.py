"""Pages and tables of runs and of evaluations."""
