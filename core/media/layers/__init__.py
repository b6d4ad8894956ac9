"""Drawings in layers: PSD, OpenRaster, OCA folders, Aseprite, and sheets of sprites."""
