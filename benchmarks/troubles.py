"""Failures other than signals: a full disk, a stopped owner of a lock, and jumps of the clock.

    python benchmarks/troubles.py disk film FILM.mp4        # and extract FILM.mp4, train FRAMES, studio FILM.mp4
    python benchmarks/troubles.py lock extract FILM.mp4
    python benchmarks/troubles.py clock train FRAMES

The commands are those of kill.py, and the same files are compared at the end.

disk    The output is on a disk in memory of a random size, between 0 and what the work needs. The run must end with one
        line that names the problem, and leave whole files; on a larger disk, the same command must finish the work.
        Mounts a tmpfs, so it needs root.
lock    A run is stopped (SIGSTOP) at a random moment. A second one must report in one line which process has the
        folder. Then the first is killed, and a third must finish the work immediately.
clock   The clock jumps by up to ten years, forward and back, whenever it is read, and so do the times of all files in
        the folder, while runs are killed as in kill.py. For this, Python's functions that read the clock are replaced:
        with libfaketime 0.9.10, Python's sleep fails (clock_nanosleep: EINVAL).

A page uses the studio meanwhile (see kill.py): with a full disk for temporary files it must still answer; neither of
two studios may touch the other's files; and no jump of the clock may end a session.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import torch

KILL = SimpleNamespace(**run_path(str(Path(__file__).with_name("kill.py"))))
YEARS = 10 * 365 * 86_400
BUT = {"metrics.jsonl", "losses.png", "tensorboard"}
"""Names of files that contain times."""


def wait(child: int, seconds: float = 300.0) -> int | None:
    """A process's exit code; None where it does not end in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return None


class Trial:
    """What is tried, and what was found."""

    def __init__(self, folder: Path) -> None:
        self.found: Counter[str] = Counter()
        self.folder = folder
        self.out = folder / "out"
        os.environ["ANIMI_KILL_LOG"] = str(folder / "words")

    def words(self) -> str:
        """What the last process said on stderr."""
        return (self.folder / "words").read_text(errors="replace").strip()

    def blame(self, kind: str, said: str) -> None:
        """Counts a fault, and prints it."""
        self.found[kind] += 1
        print(f"{kind}: {said}", flush=True)

    def check_line(self, code: int | None, needed: str = "") -> None:
        """A run must have ended with 1, and its last line says why."""
        words = self.words()
        last = words.splitlines()[-1] if words else ""
        if code != 1 or "Traceback" in words or not last.startswith("animi: ") or needed not in last:
            self.blame("bad answers", f"exit {code}: {words[-600:]}")

    def run_whole(self, work: Any) -> dict[str, bytes]:
        """Does the work once without a disturbance; gives its files."""
        self.out.mkdir()
        code = wait(KILL.start(work.words(self.out)))
        if code:
            raise SystemExit(f"the work itself fails: {self.words()}")
        wanted: dict[str, bytes] = KILL.read_all(self.out, BUT)
        return wanted

    def finish(self, work: Any, wanted: dict[str, bytes]) -> None:
        """The same command must now end as the undisturbed one did."""
        code = wait(KILL.start(work.words(self.out)))
        if code != 0 and "exists already, and there is nothing to resume" not in self.words():
            self.blame("runs that did not go on", f"exit {code}: {self.words()[-600:]}")
        else:
            for name in KILL.differ(wanted, KILL.read_all(self.out, BUT)):
                self.blame("files that differ in the end", name)


def mount(place: Path, size: int, *, again: bool = False) -> None:
    """Mounts a disk in memory, or gives it another size."""
    how = f"remount,size={size}" if again else f"size={size},mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(place)], check=True)


@contextmanager
def disk(place: Path, size: int) -> Iterator[None]:
    """A disk of so many bytes."""
    mount(place, size)
    try:
        yield
    finally:
        while subprocess.run(["umount", str(place)], capture_output=True).returncode:
            time.sleep(0.05)


def fill_disk(work: Any, trial: Trial, times: int, rng: random.Random) -> None:
    """See the module's docstring."""
    trial.out.mkdir()
    most = 0
    with disk(trial.out, 1 << 30):
        child = KILL.start(work.words(trial.out))
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            found = os.statvfs(trial.out)
            most = max(most, (found.f_blocks - found.f_bfree) * found.f_frsize)
            time.sleep(0.002)
        if ended[1]:
            raise SystemExit(f"the work itself fails: {trial.words()}")
        wanted = KILL.read_all(trial.out, BUT)
    print(f"needs {most} bytes", flush=True)
    for _ in range(times):
        with disk(trial.out, max(4096, int(rng.uniform(0, most)))):
            child = KILL.start(work.words(trial.out))
            code = wait(child)
            trial.found["full disks"] += 1
            if code == 0:  # what it needs besides is there for a moment only
                trial.found["ends"] += 1
            else:
                trial.check_line(code)
            for left in KILL.wait_until_gone(child):
                trial.blame("processes left", left)
            for fault in KILL.find_broken(trial.out, BUT):
                trial.blame("broken files", fault)
            for draft in KILL.find_drafts(trial.out):
                trial.blame("drafts left", draft)
            mount(trial.out, 1 << 30, again=True)
            trial.finish(work, wanted)


def stop_owner(work: Any, trial: Trial, times: int, rng: random.Random) -> None:
    """See the module's docstring."""
    begun = time.monotonic()
    wanted = trial.run_whole(work)
    lasts = time.monotonic() - begun
    while trial.found["owners killed"] < times:
        shutil.rmtree(trial.out)
        trial.out.mkdir()
        owner = KILL.start(work.words(trial.out))
        until = time.monotonic() + rng.uniform(0, lasts)
        while time.monotonic() < until and not os.waitpid(owner, os.WNOHANG)[0]:
            time.sleep(0.002)
        with suppress(ProcessLookupError):
            os.kill(owner, signal.SIGSTOP)
        locked = any(trial.out.rglob(".animi.lock"))
        try:
            code = wait(KILL.start(work.words(trial.out)), 30)
            if locked and _is_there(owner):
                trial.found["owners named"] += 1
                trial.check_line(code, f"process {owner} on ")
            elif code != 0:
                trial.check_line(code)
        finally:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(owner, signal.SIGKILL)
                os.waitpid(owner, 0)
        trial.found["owners killed"] += 1
        trial.finish(work, wanted)
        for left in KILL.wait_until_gone(owner):
            trial.blame("processes left", left)


def _is_there(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return False


@contextmanager
def jumping_clock(place: Path, rng: random.Random) -> Iterator[None]:
    """The clock jumps until the block ends, in this process and in those that are forked from it.

    Args:
        place: the folder of whose files the times jump.
        rng: how far.
    """
    now, now_ns, gone = time.time, time.time_ns, threading.Event()

    def move() -> None:
        while not gone.wait(0.02):
            for path in list(place.rglob("*")):
                moment = now() + rng.uniform(-YEARS, YEARS)
                with suppress(OSError):
                    os.utime(path, (moment, moment), follow_symlinks=False)

    thread = threading.Thread(target=move, daemon=True)
    thread.start()
    time.time = lambda: now() + rng.uniform(-YEARS, YEARS)
    time.time_ns = lambda: now_ns() + int(1e9 * rng.uniform(-YEARS, YEARS))
    try:
        yield
    finally:
        time.time, time.time_ns = now, now_ns
        gone.set()
        thread.join()


# The studio


def fill_studio(film: Path, trial: Trial, times: int, rng: random.Random) -> None:
    """A page works with a studio whose disk for temporary files is full, or nearly so."""
    place = _set_temporary(trial)
    for _ in range(times):
        with disk(place, max(64 << 10, int(rng.uniform(0, 4 << 20)))):
            child, page = _open_studio(trial, film)
            _wait_for_round(page)
            mount(place, 1 << 30, again=True)
            before = page.rounds
            _wait_for_round(page, before)
            if page.rounds == before:
                trial.blame("pages that did not go on", trial.words()[-300:])
            _close_studio(child, page, trial)
            trial.found["full disks"] += 1


def open_two(film: Path, trial: Trial, times: int, rng: random.Random) -> None:
    """Two studios side by side, of which one is killed; the other must work on, and one that follows tidies up."""
    _set_temporary(trial)
    for _ in range(times):
        one, page = _open_studio(trial, film, "one")
        two, other = _open_studio(trial, film, "two")
        _wait_for_round(page)
        _wait_for_round(other)
        os.kill(one, rng.choice((signal.SIGSTOP, signal.SIGKILL)))
        three, third = _open_studio(trial, film, "three")
        before = other.rounds
        _wait_for_round(third)
        _wait_for_round(other, before)
        if other.rounds == before or not third.rounds:
            trial.blame("pages that did not go on", trial.words()[-300:])
        os.kill(one, signal.SIGKILL)
        os.waitpid(one, 0)
        page.stop()
        _close_studio(two, other, trial, alone=False)
        _close_studio(three, third, trial, alone=False)
        last, fourth = _open_studio(trial, film, "four")  # removes what the first has left
        _wait_for_round(fourth)
        _close_studio(last, fourth, trial)
        trial.found["owners killed"] += 1


def jump_studio(film: Path, trial: Trial, times: int, rng: random.Random) -> None:
    """A page works while the clock jumps; a round has some twenty requests, of which none may find its session gone."""
    place = _set_temporary(trial)
    for _ in range(times):
        with jumping_clock(place, rng):
            child, page = _open_studio(trial, film)
            _wait_for_round(page)
        if not page.rounds:
            trial.blame("pages that did not go on", trial.words()[-300:])
        _close_studio(child, page, trial)
        trial.found["clocks"] += 1


def _set_temporary(trial: Trial) -> Path:
    """A folder of the trial's own for temporary files."""
    place = trial.folder / "temporary"
    place.mkdir()
    os.environ["TMPDIR"] = str(place)
    return place


def _open_studio(trial: Trial, film: Path, name: str = "one") -> tuple[int, Any]:
    address_file = trial.folder / f"address {name}"
    address_file.unlink(missing_ok=True)
    child = KILL.start(KILL.STUDIO, address_file)
    page = KILL.Page(address_file, film)
    until = time.monotonic() + 60
    while (not address_file.exists() or not address_file.read_text()) and time.monotonic() < until:
        time.sleep(0.01)
    return child, page


def _wait_for_round(page: Any, rounds: int = 0) -> None:
    until = time.monotonic() + 60
    while page.rounds <= rounds and not page.faults and time.monotonic() < until:
        time.sleep(0.01)


def _close_studio(child: int, page: Any, trial: Trial, *, alone: bool = True) -> None:
    page.stop()
    os.kill(child, signal.SIGINT)
    begun = time.monotonic()
    code = wait(child, 20)
    words = trial.words()
    if code != 130 or "Traceback" in words or time.monotonic() - begun > KILL.SECONDS:
        trial.blame("bad ends", f"exit {code} after {time.monotonic() - begun:.1f} s: {words[-600:]}")
    for fault in page.faults:
        trial.blame("bad answers", fault)
    if alone:
        for left in KILL.wait_until_gone(child):
            trial.blame("processes left", left)
        for left in KILL.list_studios(trial.folder / "temporary"):
            trial.blame("files left", str(left))


def main() -> int:
    """Makes trouble, and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("trouble", choices=("disk", "lock", "clock"))
    parser.add_argument("what", choices=("film", "extract", "train", "studio"))
    parser.add_argument("path", type=Path, help="the film, or the frames")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(folder))
        if given.what == "studio":
            way = {"disk": fill_studio, "lock": open_two, "clock": jump_studio}[given.trouble]
            way(given.path, trial, given.times, rng)
        else:
            work = KILL.WORKS[given.what](str(given.path))
            if given.trouble == "clock":
                with jumping_clock(Path(folder), rng):
                    trial.found += KILL.kill_often(work, Path(folder), given.times, given.seed, BUT, print)
            else:
                {"disk": fill_disk, "lock": stop_owner}[given.trouble](work, trial, given.times, rng)
    counts = ("full disks", "owners killed", "owners named", "clocks", "kills", "ends")
    faults = {name: count for name, count in trial.found.items() if name not in counts}
    print(json.dumps({name: trial.found[name] for name in counts if trial.found[name]}), "faults:", faults or "none")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
