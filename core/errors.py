"""What can go wrong, in one line each: what was found, and what is needed.

Every error that a person can meet is an AnimiError; the command line prints it on stderr without a traceback.
"""


class AnimiError(Exception):
    """The work failed (exit 1). The message is one line that names the file or value found and the remedy."""


class ConfigError(AnimiError):
    """An option has a value that cannot be used (exit 2). The message begins with the option's name."""


class InputError(AnimiError):
    """A file given as input is missing, broken or does not fit the others."""


class OutputError(AnimiError):
    """A result cannot be written where it was asked for."""


class CheckpointError(AnimiError):
    """A checkpoint cannot be read, or holds another network than the one needed."""


class DeviceError(AnimiError):
    """The device asked for is not on this machine."""


class TrainingError(AnimiError):
    """A training cannot go on: its losses are not finite, however often it starts again from a good state."""


class Ended(AnimiError):
    """A program that was waited for was ended, as the work that it was started for is not wanted any more."""
