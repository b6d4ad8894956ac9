"""Cartoons that draw themselves, with motion that is known exactly."""
