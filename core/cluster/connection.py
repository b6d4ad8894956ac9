"""Connects to a Ray cluster, or starts one on this machine.

Ray is imported here only. It runs what it is sent without asking who sends it, so it belongs in a network of machines
that trust each other; a cluster that is started here listens on the loopback alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import ConfigError, DeviceError

LOCAL = "local"
"""The address that stands for a cluster which is started on this machine and ends with the command."""


def import_ray(address: str = LOCAL) -> Any:
    """Imports Ray, and turns off the reports of usage that it otherwise sends to its makers.

    Args:
        address: of the cluster. LOCAL: Ray is set to one machine, as it is on Windows and macOS. Only then does it
            listen on the loopback alone; its processes listen on all interfaces otherwise, whatever their address.

    Raises:
        ConfigError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == LOCAL:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError as error:
        raise ConfigError("--cluster: needs Ray; install it with pip install 'animi[cluster]'") from error
    return ray


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Provides Ray, connected to a cluster; the connection, and a cluster that was started for it, end with the block.

    Args:
        address: LOCAL; "auto", for the cluster that this machine is part of; or ray://HOST:PORT.

    Raises:
        ConfigError: Ray is not installed, or the address is none.
        DeviceError: there is no such cluster.
    """
    ray = import_ray(address)
    if address not in (LOCAL, "auto") and not address.startswith("ray://"):
        raise ConfigError(f"--cluster: {address!r} is no address; give {LOCAL}, auto or ray://HOST:10001")
    if ray.is_initialized():  # by the caller, whose connection stays open
        yield ray
        return
    try:
        if address == LOCAL:
            ray.init(
                address="local",  # else it would join a cluster that runs on this machine
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
            )
        else:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise DeviceError(f"--cluster: {address} cannot be reached ({reason}); start one with ray start") from error
    try:
        yield ray
    finally:
        ray.shutdown()
