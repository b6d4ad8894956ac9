"""What the tests of plugins share."""

import os
import stat
import sys

import pytest


@pytest.fixture(scope="session")
def command(tmp_path_factory):
    """An `animi` of this checkout, to be started from a program with another Python."""
    path = tmp_path_factory.mktemp("bin") / "animi"
    path.write_text(
        f'#!/bin/sh\nexport PYTHONPATH="{os.environ.get("PYTHONPATH", "")}"\n'
        f'exec "{sys.executable}" -c "from animi.cli.main import run; run()" "$@"\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)
