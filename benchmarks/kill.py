"""Kills animi at random moments, and checks that files are whole, runs resume, and the result is the same.

    python benchmarks/kill.py extract FILM.mp4              # animi extract-frames, images and the packed store
    python benchmarks/kill.py train FRAMES                  # a tiny animi train-noise
    python benchmarks/kill.py film FILM.mp4                 # animi interpolate FILM, with cross-fades
    python benchmarks/kill.py studio FILM.mp4               # animi studio, while a page works with it
    python benchmarks/kill.py any interpolate FILM.mp4 -o OUT/smooth.mp4 --resume     # OUT is the script's own folder

The work is first done once without interruption. Then it is started, killed (SIGKILL) at a random moment, uniform over
its duration, and resumed until it is complete; a fifth of the starts are not killed. This is repeated until there were
--kills kills. After each kill, every file under its final name must be whole: pictures decode, JSON parses, checkpoints
open, films can be probed. At the end, the files must be byte for byte those of the uninterrupted run, except files that
contain times (--but). Processes are forked from one that has imported animi, so that no kill falls into the imports.

With --signal INT (Ctrl-C) or TERM, the run can react: it must exit with 130 or 143, without a traceback, and must leave
no drafts of files. After every signal no process may be left. The studio runs until it is stopped, so it is started
for each signal, and must be gone within 3 seconds with its child processes and its files; after SIGKILL, the next
studio removes the files. troubles.py tests other failures.
"""

import argparse
import faulthandler
import json
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from pathlib import Path

import torch
from safetensors import safe_open

from animi.cli.main import run
from animi.core.files import DRAFT
from animi.core.media.decode import probe_video
from animi.core.media.image_files import SUFFIXES, read_image

SPARED = 0.2  # share of starts that are not killed, so that some runs complete even on a busy machine
FILMS = {".mp4", ".mov", ".mkv", ".webm"}
CODES = {"KILL": -signal.SIGKILL, "INT": 130, "TERM": 143}
"""The exit code of a run after each signal."""
ANSWERED = (signal.SIGINT, signal.SIGTERM)
MARK = "ANIMI_KILL_MARK"
"""An environment variable that marks the processes that this script has started."""
SECONDS = 3.0
"""Within which all child processes must be gone."""


class Work:
    """A command that is killed.

    Attributes:
        first: the arguments that start it, with OUT for the folder.
        again: the arguments that resume it.
        began: a file in OUT; if it exists, the command can be resumed.
    """

    def __init__(self, first: Sequence[str], again: Sequence[str] = (), began: str = "") -> None:
        self.first, self.again, self.began = list(first), list(again or first), began

    def words(self, out: Path) -> list[str]:
        """Returns the arguments that start or resume the work in the folder `out`."""
        chosen = self.again if self.began and (out / self.began).exists() else self.first
        return [word.replace("OUT", str(out)) for word in chosen]


def extract(film: str) -> Work:
    """Extraction of a film as images and as a packed store."""
    return Work(["extract-frames", film, "-o", "OUT", "--size", "96", "--packed", "--format", "png"])


def train(frames: str) -> Work:
    """A tiny training that keeps a checkpoint at every step."""
    first = ["train-noise", frames, "-o", "OUT/run", "--no-health", "--size", "64", "--width", "4", "--latent-dim", "4"]
    first += ["--batch-size", "2", "--steps", "8", "--save-every", "1", "--sample-every", "8", "--samples", "2"]
    first += ["--log-every", "1", "--keep", "3", "--workers", "0", "--device", "cpu", "--seed", "3"]
    return Work(first, ["train-noise", "--resume", "OUT/run"], "run/config.json")


def film(path: str) -> Work:
    """A whole film with four times as many frames."""
    words = ["interpolate", path, "-o", "OUT/smooth.mp4", "--engine", "blend", "--factor", "4", "--resume"]
    return Work(words)


WORKS = {"extract": extract, "train": train, "film": film}


def start(words: Sequence[str], output: Path | None = None) -> int:
    """Forks a process that runs a command without output; returns its process id.

    Args:
        words: arguments of animi.
        output: a file for its stdout; None: stdout is discarded.
    """
    os.environ[MARK] = f"{os.getpid()}"
    signal.pthread_sigmask(signal.SIG_BLOCK, ANSWERED)  # until animi is there to answer
    child = os.fork()
    os.setpgid(child, child)  # in both, for either may be first
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ANSWERED)
        return child
    nowhere = os.open(os.devnull, os.O_RDWR)
    log = os.open(os.environ["ANIMI_KILL_LOG"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    out = nowhere if output is None else os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for place, to in ((0, nowhere), (1, out), (2, log)):
        os.dup2(to, place)
    faulthandler.enable()
    sys.argv = ["animi", *words]
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ANSWERED)
    except KeyboardInterrupt:
        os._exit(CODES["INT"])
    try:
        run()
    except SystemExit as end:
        os._exit(int(end.code or 0))
    except BaseException:
        traceback.print_exc()
    os._exit(99)


def find_left(child: int) -> list[str]:
    """Returns processes that an ended one has left: those of its group, and programs that it has started."""
    mark, found = f"{MARK}={os.getpid()}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            ours = int(words[2]) == child or mark in (folder / "environ").read_bytes().split(b"\0")
            if ours and words[0] != "Z" and int(folder.name) != os.getpid():
                found.append((folder / "cmdline").read_text().replace("\0", " ")[:80])
        except OSError:  # it has ended
            continue
    return found


def wait_until_gone(child: int) -> list[str]:
    """Returns the same after waiting for them to exit."""
    until = time.monotonic() + SECONDS
    while (left := find_left(child)) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def find_broken(folder: Path, but: set[str]) -> list[str]:
    """Returns files that are not whole, except drafts, whose names begin with a dot."""
    broken = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") or part in but for part in inside.parts):
            continue
        try:
            look(path)
        except Exception as error:  # of any type
            broken.append(f"{inside}: {error}")
    return broken


def look(path: Path) -> None:
    """Raises an exception if a file is not whole."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        read_image(path)
    elif suffix == ".json":
        json.loads(path.read_text())
    elif suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is no dictionary
                file.get_tensor(name)
    elif suffix in FILMS:
        probe_video(path)


def find_drafts(folder: Path) -> list[str]:
    """Returns unfinished files, which a run that was not killed outright should have removed."""
    drafts = (path for path in folder.rglob("*") if path.suffix == ".part" or path.name.startswith(DRAFT))
    return sorted(str(path.relative_to(folder)) for path in drafts)


def find_faults(folder: Path, but: set[str], by: str, code: int, words: str) -> Iterator[tuple[str, str]]:
    """Yields (kind, what) of all that is wrong after signal `by`, at which a run ended with `code` and said `words`."""
    for fault in find_broken(folder, but):
        yield "broken files", fault
    if by == "KILL":
        return
    unheard = -signal.Signals[f"SIG{by}"]  # before animi had begun
    if code not in (0, CODES[by], unheard) or "Traceback" in words:
        yield "bad answers", f"exit {code}: {words}"
    for draft in find_drafts(folder):
        yield "drafts left", f"left {draft}"


def read_all(folder: Path, but: set[str]) -> dict[str, bytes]:
    """Reads all files of a folder, except some names."""
    return {
        str(path.relative_to(folder)): read_tensors(path) if path.suffix == ".safetensors" else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not but & set(path.relative_to(folder).parts)
    }


def read_tensors(path: Path) -> bytes:
    """Reads a checkpoint; its bytes may differ, as the order of entries in its header is random."""
    with safe_open(path, "pt") as file:
        words = sorted((file.metadata() or {}).items())
        held = [(name, file.get_tensor(name).numpy().tobytes()) for name in sorted(file.keys())]
    return repr((words, held)).encode()


def differ(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Returns the names of files that differ between two folders, or that only one of them has."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def kill_often(
    work: Work,
    folder: Path,
    kills: int,
    seed: int,
    but: set[str],
    tell: Callable[[str], None] = lambda line: None,
    by: str = "KILL",
) -> Counter[str]:
    """Does the work once without and then with kills; see the module's docstring.

    Returns:
        How many kills, ends and faults of each kind there were.
    """
    rng = random.Random(seed)
    os.environ["ANIMI_KILL_LOG"] = str(folder / "words")
    found: Counter[str] = Counter()
    out = folder / "out"
    out.mkdir()
    begun = time.monotonic()
    _, status = os.waitpid(start(work.words(out)), 0)
    lasts = time.monotonic() - begun
    if status:
        raise SystemExit(f"the work itself fails: {(folder / 'words').read_text()}")
    wanted = read_all(out, but)
    tell(f"undisturbed: {lasts:.1f} s, {len(wanted)} files")
    while found["kills"] < kills:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        while True:
            child = start(work.words(out))
            spared = found["kills"] == kills or rng.random() < SPARED
            end = math.inf if spared else time.monotonic() + rng.uniform(0, lasts)
            done, status = 0, 0
            while not done and time.monotonic() < end:
                time.sleep(0.002)
                done, status = os.waitpid(child, os.WNOHANG)
            if not done:
                os.killpg(child, signal.Signals[f"SIG{by}"])
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                found["kills"] += 1
                if found["kills"] % 10 == 0:
                    tell(f"{found['kills']} kills, {found['ends']} ends")
                faults = list(find_faults(out, but, by, code, (folder / "words").read_text().strip()))
                if by != "KILL" or found["kills"] % 2:  # else the next run comes at once
                    faults += [("processes left", left) for left in wait_until_gone(child)]
                for kind, said in faults:
                    found[kind] += 1
                    tell(f"kill {found['kills']}: {said}")
                if code:
                    continue
            if status:
                found["runs that did not go on"] += 1
                tell(f"exit {os.waitstatus_to_exitcode(status)}: {(folder / 'words').read_text().strip()}")
            else:
                found["ends"] += 1
                for name in differ(wanted, read_all(out, but)):
                    found["files that differ in the end"] += 1
                    tell(f"differs: {name}")
            break
    return found


class Page:
    """Repeats in a thread what the studio's page does.

    Attributes:
        rounds: number of completed rounds.
        faults: responses that show a fault of the studio.
        rejected: responses that reject a request; there are none without interruption.
    """

    def __init__(self, address_file: Path, film: Path) -> None:
        """Waits for the address that the studio writes to the file `address_file`, and begins."""
        self.rounds, self.faults, self.rejected = 0, list[str](), list[str]()
        self._address_file, self._film = address_file, film
        self._stopped = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._stopped = True
        self._thread.join(20)

    def _work(self) -> None:
        try:
            while not self._address_file.exists() or not self._address_file.read_text().endswith("\n"):
                time.sleep(0.01)
                if self._stopped:
                    return
            stated = json.loads(self._address_file.read_text())
            self._address, self._token = stated["url"].partition("?")[0], stated["token"]
            while not self._stopped:
                self._go_round()
                self.rounds += 1
        except (OSError, ValueError, HTTPException):  # the studio is gone
            return

    def _ask(self, method: str, what: str, body: bytes | dict[str, object] | None = None) -> dict[str, object]:
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(f"{self._address}api/sessions{what}", data, method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            faulty = error.code >= 500 and error.code != 507
            (self.faults if faulty else self.rejected).append(f"{method} {what}: {error.code} {text}")
            return {}

    def _wait(self, at: str, job: object) -> None:
        while not self._stopped:
            jobs = self._ask("GET", f"{at}/jobs").get("jobs", [])
            assert isinstance(jobs, list)
            found = next((each for each in jobs if each["id"] == job), None)
            if found is None or found["state"] not in ("waiting", "running"):
                if found is not None and found["message"]:
                    faulty = "please report it" in found["message"]
                    (self.faults if faulty else self.rejected).append(f"a job: {found['message']}")
                return
            time.sleep(0.01)

    def _go_round(self) -> None:
        id = self._ask("POST", "", {}).get("id")
        if id is None:
            return
        at = f"/{id}"
        data = self._film.read_bytes()
        upload = self._ask("POST", f"{at}/uploads", {"name": "film.mp4", "size": len(data)}).get("upload")
        if upload is not None:
            self._wait(at, self._ask("PUT", f"{at}/uploads/{upload}", data).get("job"))
        self._wait(at, self._ask("POST", f"{at}/film/choice", {"drawings": [0, 1]}).get("id"))
        settings = {"engine": "blend", "count": 4, "fps": "12", "format": "gif"}
        self._wait(at, self._ask("POST", f"{at}/draw", settings).get("id"))
        self._wait(at, self._ask("POST", f"{at}/export", settings).get("id"))
        smooth = {"engine": "blend", "factor": "4", "format": "mp4"}
        self._wait(at, self._ask("POST", f"{at}/film/smooth", smooth).get("id"))
        self._ask("DELETE", at)


STUDIO = ("studio", "--no-browser", "--port", "0", "--json", "--device", "cpu")


def list_studios(folder: Path) -> list[Path]:
    """Returns the folders of studios in a folder for temporary files."""
    return sorted(folder.glob("animi-studio-*"))


def kill_studio(
    film: Path, folder: Path, kills: int, seed: int, tell: Callable[[str], None] = lambda line: None, by: str = "KILL"
) -> Counter[str]:
    """Repeatedly starts the studio, lets a page use it, and sends it a signal at a random moment.

    Returns:
        How many kills, rounds of the page and faults of each kind there were.
    """
    rng = random.Random(seed)
    os.environ["ANIMI_KILL_LOG"] = str(folder / "words")
    os.environ["TMPDIR"] = str(folder / "temporary")
    (folder / "temporary").mkdir()
    found: Counter[str] = Counter()
    lasts = 0.0
    while found["kills"] < kills:
        address_file = folder / "address"
        address_file.unlink(missing_ok=True)
        before = list_studios(folder / "temporary")
        child = start(STUDIO, address_file)
        begun = time.monotonic()
        page = Page(address_file, film)
        if not lasts:  # for how long a round takes
            while not page.rounds and not page.faults and time.monotonic() - begun < 120:
                time.sleep(0.02)
            lasts = time.monotonic() - begun
            tell(f"one round of a page: {lasts:.1f} s")
            if page.rejected:
                os.killpg(child, signal.SIGKILL)
                raise SystemExit(f"the page asks wrongly: {page.rejected}")
        else:
            time.sleep(rng.uniform(0, 1.5 * lasts))
        os.kill(child, signal.Signals[f"SIG{by}"])
        begun = time.monotonic()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        took = time.monotonic() - begun
        faults = [("processes left", left) for left in wait_until_gone(child)]
        page.stop()
        faults += [("bad answers", fault) for fault in page.faults]
        words = (folder / "words").read_text().strip()
        here = list_studios(folder / "temporary")
        if by != "KILL":
            if code not in (CODES[by], -signal.Signals[f"SIG{by}"]) or "Traceback" in words:
                faults.append(("bad ends", f"exit {code}: {words}"))
            if took > SECONDS:
                faults.append(("slow ends", f"{took:.1f} s"))
            if here:
                faults.append(("files left", f"{here}, after exit {code}"))
        elif address_file.exists() and address_file.read_text() and set(before) & set(here):
            faults.append(("files left", f"the next studio has not removed {before}"))
        found["kills"] += 1
        found["rounds"] += page.rounds
        for kind, said in faults:
            found[kind] += 1
            tell(f"kill {found['kills']}: {kind}: {said}")
        if found["kills"] % 10 == 0:
            tell(f"{found['kills']} kills, {found['rounds']} rounds")
    return found


def main() -> int:
    """Kills, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signal", choices=sorted(CODES), default="KILL", help="what processes are sent")
    parser.add_argument("--but", default="metrics.jsonl,losses.png,tensorboard", help="names that tell of time")
    parser.add_argument("what", choices=(*WORKS, "studio", "any"))
    parser.add_argument("words", nargs=argparse.REMAINDER, help="the film, the frames, or a whole command of animi")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if given.what == "studio":
            found = kill_studio(Path(given.words[0]), Path(folder), given.kills, given.seed, print, given.signal)
        else:
            work = Work(given.words) if given.what == "any" else WORKS[given.what](given.words[0])
            but = set(given.but.split(","))
            found = kill_often(work, Path(folder), given.kills, given.seed, but, print, given.signal)
    faults = {name: count for name, count in found.items() if name not in ("kills", "ends", "rounds")}
    print(f"{found['kills']} kills, {found['ends'] or found['rounds']} ends, faults: {faults or 'none'}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
