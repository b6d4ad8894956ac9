"""Removes paths of this machine from messages to the page."""

import re

_ABSOLUTE = re.compile(r"(?<![\w/])(?:[A-Za-z]:[\\/]+|/)(?:[^\s/\\:'\"]+[\\/]+)*(?=[\w.])")


def hide_paths(words: str) -> str:
    """A message in which absolute paths are cut down to their last names."""
    return _ABSOLUTE.sub("", words)
