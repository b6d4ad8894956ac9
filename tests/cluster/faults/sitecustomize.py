"""Makes Ray's workers fail on purpose: it is found by PYTHONPATH, and changes how frames are drawn.

The folder in ANIMI_TEST_FAULTS holds: `delay`, seconds for each frame; `segment`, the cost of a segment; and orders.
An order is a file that the first worker removes which carries it out: `kill-N` ends the worker by SIGKILL at a frame of
segment N, `hang-N` makes it wait for an hour. A file `seen-N` says that segment N was begun.
"""

import os
import signal
import sys
import time
from pathlib import Path


def _order(folder, name):
    try:
        (folder / name).unlink()
    except FileNotFoundError:
        return False
    return True


def _spoil(folder):
    from animi.core.films import segmenting
    from animi.core.films.drawing import FrameDrawer

    draw, delay = FrameDrawer.draw, float((folder / "delay").read_text())
    segmenting.SEGMENT = float((folder / "segment").read_text())

    def slowly(self, new):
        (folder / f"seen-{new.segment}").touch()
        if _order(folder, f"kill-{new.segment}"):
            os.kill(os.getpid(), signal.SIGKILL)
        if _order(folder, f"hang-{new.segment}"):
            time.sleep(3600)
        time.sleep(delay)
        return draw(self, new)

    FrameDrawer.draw = slowly


_HERE = any("default_worker" in word for word in sys.orig_argv) or "ANIMI_TEST_FAULTS_HERE" in os.environ
if "ANIMI_TEST_FAULTS" in os.environ and _HERE:
    _spoil(Path(os.environ["ANIMI_TEST_FAULTS"]))
