"""The advice of the Makefile's errors."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("goal", ["test-vapoursynth", "find-python312"])
def test_without_python_3_12_make_says_what_to_do_in_one_line(tmp_path, goal):
    for name in ("Makefile", "pyproject.toml", "plugins/vapoursynth/pyproject.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "no-programs").mkdir()
    done = subprocess.run(
        [shutil.which("make"), goal], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": str(tmp_path / "no-programs"), "HOME": str(tmp_path)},
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode != 0 and said == [
        "no Python 3.12 or newer was found; install one, or give its path: "
        "make PYTHON=/path/to/python3.12 test-vapoursynth"
    ]
