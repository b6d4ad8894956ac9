"""The options of commands that may do their work on a Ray cluster."""

from dataclasses import fields

from ..core.config.checks import flag_of
from ..core.config.jobs import ClusterConfig
from ..core.errors import ConfigError
from .options import Change, Given, make_config

CLUSTER = tuple(field.name for field in fields(ClusterConfig))
"""The fields of ClusterConfig, which are options under a heading of their own."""
ON_CLUSTER = Change(
    "Do this on a Ray cluster: auto (the one that this machine is part of), ray://HOST:10001, or local (one that is "
    "started on this machine, for this command).",
    default="no cluster",
    metavar="ADDRESS",
)
"""How `cluster` is explained by commands other than interpolate."""


def take_cluster(given: Given) -> ClusterConfig | None:
    """Removes the cluster's options from the given ones, and returns them as settings; None without --cluster.

    Raises:
        ConfigError: one of them needs --cluster, which is missing.
    """
    own = {name: given.pop(name) for name in CLUSTER if name in given}
    if "cluster" in own:
        return make_config(ClusterConfig, own)
    for field in fields(ClusterConfig):
        if field.name in own:
            raise ConfigError(f"{flag_of(field)}: goes with --cluster; add it")
    return None
