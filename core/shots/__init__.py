"""What a film's frames show: cuts, held drawings, empty frames."""
