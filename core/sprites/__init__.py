"""Sprites: artists' Lottie animations as training material."""
