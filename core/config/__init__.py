"""Every command's settings: one frozen dataclass each, where the defaults live and bad values are rejected.

Imports no torch, so that `animi --help` stays quick. Typer quotes the defaults from here.
"""
