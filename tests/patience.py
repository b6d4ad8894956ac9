"""How long something may take while other work runs. Loaded by `run_path`, as tests are no package."""

import os


def patience(seconds):
    """So many seconds where a core is free for the test; more where more processes run than there are cores."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
