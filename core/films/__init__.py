"""In-betweens of whole films."""
