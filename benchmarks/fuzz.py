"""Thousands of damaged files for every reader: images, films, streams, checkpoints, states, stores, cuts and sheets.

    python benchmarks/fuzz.py --count 10000 --seed 1
    python benchmarks/fuzz.py --count 10000 --seed 1 --by structure    # see fuzz_structure.py
    python benchmarks/fuzz.py --count 10000 --seed 1 --by format       # studios' formats, see fuzz_formats.py

Good files are generated and then mutated: bits are flipped, bytes replaced, files truncated, parts left out, doubled or
taken from another file, numbers in the header made extreme. Each file is read in a worker process with limits on time
and memory. A good result or an AnimiError is correct. Anything else (another exception, a crash, a hang, too much
memory, output of a library on stderr) is a finding: the file is kept and reported. The exit code is 1 if there is a
finding. Input number n of a seed is always the same: --first N --count 1 makes it again.

Processes and threads that are left when a case ends are findings as well.
"""

import argparse
import io
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from animi.core.config.choices import STREAM
from animi.core.errors import AnimiError
from animi.core.inbetween.exposure_sheet import read_sheet
from animi.core.material.extraction import read_cuts
from animi.core.material.films import open_material
from animi.core.material.frame_store import FrameStoreWriter
from animi.core.media.decode import decode_video, probe_video
from animi.core.media.encode import write_video
from animi.core.media.film_source import open_film, read_frames
from animi.core.media.image_files import read_image
from animi.core.training.state import capture_state, read_state, restore_state, write_state
from animi.core.weights.checkpoint import load_checkpoint, save_checkpoint
from animi.models.motion import MotionConfig, MotionNetwork
from animi.models.refinement import Refinement, RefinementConfig
from animi.models.sle import NoiseGenerator, NoiseGeneratorConfig

SIDE = 24
FRAMES = 8
MEMORY = 6 << 30  # bytes of address space; PyTorch alone maps more than 2 GiB
SECONDS = 120.0  # for one input, on a machine that is busy with other work
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
NUMBERS = (b"0", b"-1", b"1e308", b"NaN", b"99999999999", b"null", b"[]", b'"x"', b"true", b"{}", b"0.5", b"1048576")


class Kind(NamedTuple):
    """A kind of file."""

    share: float
    """How many of all inputs are of it."""
    read: Callable[[Path], None]
    """Reads a file or raises an AnimiError; nothing else may happen."""
    name: str
    """What the mutated file is called, beside the good ones that it belongs to; its suffix is the good file's where it
    has none."""
    damage: Callable[[bytes, bytes, np.random.Generator], bytes] | None = None
    """Makes the input of a good file's bytes and another's; None: `mutate`."""


def pick(rng: np.random.Generator, choices: Sequence[Any]) -> Any:
    """One of several."""
    return choices[int(rng.integers(len(choices)))]


def draw(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A picture with flat parts and a square that moves."""
    frame = np.full((SIDE, SIDE, 3), (200, 180, 90), np.uint8)
    frame[::3, ::2] = (30, 60, 90)
    frame[4:14, number : number + 10] = (220, 40, 30)
    return frame


def make_images(folder: Path) -> None:
    """Images of every kind that is read."""
    folder.mkdir()
    picture = Image.fromarray(draw(0))
    clear = picture.copy().convert("RGBA")
    clear.putalpha(Image.fromarray(draw(1)[..., 0]))
    for suffix in ("png", "jpg", "webp", "tif", "bmp", "gif", "avif", "jp2", "ppm", "tga", "pcx", "sgi", "ico", "dds"):
        picture.save(folder / f"plain.{suffix}")
    for suffix in ("png", "webp", "tif", "tga", "dds", "ico"):
        clear.save(folder / f"clear.{suffix}")
    picture.quantize(9).save(folder / "palette.png", transparency=3)
    picture.quantize(9).save(folder / "palette.gif", transparency=3)
    picture.convert("1").save(folder / "bits.png")
    picture.convert("1").save(folder / "bits.tif", compression="group4")
    picture.convert("LA").save(folder / "grey.png")
    picture.convert("CMYK").save(folder / "ink.jpg")
    picture.convert("CMYK").save(folder / "ink.tif", compression="tiff_lzw")
    turned = Image.Exif()
    turned[0x112] = 6
    picture.save(folder / "turned.jpg", exif=turned, progressive=True)
    picture.save(folder / "turned.webp", exif=turned, lossless=True)
    Image.fromarray(draw(2)[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    Image.fromarray(draw(2)[..., 0].astype(np.uint16) * 257).save(folder / "deep.tif", compression="tiff_adobe_deflate")
    frames = [Image.fromarray(draw(number)) for number in range(3)]
    for suffix in ("gif", "webp", "png"):
        frames[0].save(folder / f"moving.{suffix}", save_all=True, append_images=frames[1:], duration=80)


def make_films(folder: Path) -> None:
    """Films in every container that we write, and two that we do not."""
    folder.mkdir()
    frames = [draw(number) for number in range(FRAMES)]
    for suffix in ("mp4", "mov", "mkv", "webm"):
        write_video(folder / f"film.{suffix}", iter(frames), fps=Fraction(12), size=(SIDE, SIDE))
    pictures = [Image.fromarray(frame) for frame in frames]
    for suffix in ("gif", "webp"):
        pictures[0].save(folder / f"film.{suffix}", save_all=True, append_images=pictures[1:], duration=80)
    _make_stream(folder / "film.y4m", "C444", 1)


def make_streams(folder: Path) -> None:
    """What is sent to standard input: y4m with chroma at full size, in 10 bits, with alpha, and none."""
    folder.mkdir()
    _make_stream(folder / "plain.y4m", "C444", 1)
    _make_stream(folder / "deep.y4m", "Ib A4:3 C444p10 XYSCSS=444P10 XCOLORRANGE=FULL", 2)
    _make_stream(folder / "clear.y4m", "C444alpha", 1, planes=4)
    _make_stream(folder / "grey.y4m", "Cmono", 1, planes=1)


def _make_stream(path: Path, words: str, weight: int, planes: int = 3) -> None:
    """Frames as y4m: `planes` of them, of values of so many bytes."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{SIDE} H{SIDE} F12:1 {words}\n".encode())
        for number in range(FRAMES):
            values = draw(number)[..., [0, 1, 2, 0][:planes]].transpose(2, 0, 1)
            file.write(b"FRAME\n" + np.ascontiguousarray(values, f"<u{weight}").tobytes())


NETWORKS: dict[str, tuple[Any, Any]] = {
    "refinement": (Refinement, RefinementConfig(2, 1)),
    "noise-sle": (NoiseGenerator, NoiseGeneratorConfig(64, 5, 4)),
    "motion": (MotionNetwork, MotionConfig(8, 1, 2, 1, 1, 4)),
}


def make_checkpoints(folder: Path) -> None:
    """A checkpoint of each network, as small as they come."""
    folder.mkdir()
    for name, (kind, config) in NETWORKS.items():
        save_checkpoint(folder / f"{name}.safetensors", kind(config), name, config)


def _make_training() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    network = torch.nn.Linear(3, 2)
    return network, torch.optim.Adam(network.parameters(), fused=False)


def make_states(folder: Path) -> None:
    """The state of a training of one step."""
    folder.mkdir()
    network, optimizer = _make_training()
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = capture_state(1, {"net": network}, {"net": optimizer}, {"seed": 0, "scalers": {}})
    write_state(folder / "00000001.state.safetensors", state)


def make_store(folder: Path) -> None:
    """A packed frame store; its header and its records are mutated, each beside the other."""
    with FrameStoreWriter(folder, SIDE, SIDE) as writer:
        for number in range(FRAMES):
            writer.append(draw(number), {"frame": number, "film": "f", "shot": number // 5, "duplicate_of": None})


def make_cuts(folder: Path) -> None:
    """A list of cuts."""
    folder.mkdir()
    (folder / "cuts.txt").write_text("# When shots begin\n0.000000\n1:12.5  # dissolve\n0:01:13,0.9,cut\n95.25\n")


def make_sheets(folder: Path) -> None:
    """An exposure sheet."""
    folder.mkdir()
    lines = ("drawing,hold,inbetweens,on,spacing", "A1.png,2,3,1,ease-in", "A5.png,1,,2,0 0.2 0.5 1", "A9.png,12")
    (folder / "sheet.csv").write_text("\n".join(lines) + "\n")


def _read_film(path: Path) -> None:
    frames = decode_video(probe_video(path), size=16, fit="crop")
    for _ in islice(frames, 4 * FRAMES):
        pass
    frames.close()


def _read_whole_film(path: Path) -> None:
    """As `animi interpolate FILM` reads it."""
    frames = read_frames(open_film(path))
    for _ in islice(frames, 4 * FRAMES):
        pass
    frames.close()


def _read_stream(path: Path) -> None:
    """As `animi interpolate -` reads standard input."""
    before = sys.stdin
    try:
        with path.open() as sys.stdin:
            _read_whole_film(STREAM)
    finally:
        sys.stdin = before


def _read_state(path: Path) -> None:
    network, optimizer = _make_training()
    restore_state(read_state(path), {"net": network}, {"net": optimizer})


def _read_store(path: Path) -> None:
    for film in open_material([path.parent]).films:
        film.shots()
        film.frames[len(film) - 1].max()


def _load(path: Path) -> None:
    load_checkpoint(path, torch.device("cpu"))


def _read_image(path: Path) -> None:
    read_image(path)


def _read_sheet(path: Path) -> None:
    read_sheet(path, [Path("A1.png"), Path("A5.png"), Path("A9.png")])


def _read_cuts(path: Path) -> None:
    read_cuts(path)


KINDS = {
    "image": Kind(0.55, _read_image, ""),
    "film": Kind(0.10, _read_film, ""),
    "whole": Kind(0.03, _read_whole_film, ""),
    "stream": Kind(0.03, _read_stream, ""),
    "checkpoint": Kind(0.15, _load, ""),
    "state": Kind(0.08, _read_state, ""),
    "store": Kind(0.08, _read_store, "store.json"),
    "records": Kind(0.02, _read_store, "frames.jsonl"),
    "cuts": Kind(0.02, _read_cuts, ""),
    "sheet": Kind(0.04, _read_sheet, ""),
}


def make_good(folder: Path) -> dict[str, list[Path]]:
    """Makes the good files of each kind, in natural order of their names."""
    torch.manual_seed(0)
    for name, make in {
        "image": make_images, "film": make_films, "stream": make_streams, "checkpoint": make_checkpoints,
        "state": make_states, "store": make_store, "cuts": make_cuts, "sheet": make_sheets,
    }.items():  # fmt: skip
        make(folder / name)
    several = ("image", "film", "stream", "checkpoint", "state", "cuts", "sheet")
    good = {name: sorted((folder / name).iterdir()) for name in several}
    good |= {"store": [folder / "store" / "store.json"], "records": [folder / "store" / "frames.jsonl"]}
    return good | {"whole": good["film"]}


def mutate(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Damages the bytes of a file, up to four times over; `other` is another good file of the kind."""
    for _ in range(1 if rng.random() < 0.5 else int(rng.integers(2, 5))):
        data = pick(rng, _MUTATIONS)(bytearray(data or b"\0"), other, rng)
    return data


def _at(data: bytes | bytearray, rng: np.random.Generator) -> int:
    """A place: in half of all cases near the beginning, where headers are."""
    return int(rng.integers(min(len(data), 96) if rng.random() < 0.5 else len(data)))


def _flip(data: bytearray, _other: bytes, rng: np.random.Generator) -> bytes:
    for _ in range(int(rng.integers(1, 9))):
        data[_at(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _replace(data: bytearray, _other: bytes, rng: np.random.Generator) -> bytes:
    place, length = _at(data, rng), int(rng.integers(1, 65))
    data[place : place + length] = rng.bytes(len(data[place : place + length]))
    return bytes(data)


def _cut(data: bytearray, _other: bytes, rng: np.random.Generator) -> bytes:
    return bytes(data[: _at(data, rng)])


def _leave_out(data: bytearray, _other: bytes, rng: np.random.Generator) -> bytes:
    place = _at(data, rng)
    del data[place : place + int(rng.integers(1, 1 + len(data) // 4 + 1))]
    return bytes(data)


def _double(data: bytearray, _other: bytes, rng: np.random.Generator) -> bytes:
    place = _at(data, rng)
    part = data[place : place + int(rng.integers(1, 1 + len(data) // 4 + 1))]
    return bytes(data[:place] + part + data[place:])


def _splice(data: bytearray, other: bytes, rng: np.random.Generator) -> bytes:
    return bytes(data[: _at(data, rng)]) + other[_at(other, rng) :]


def _make_extreme(data: bytearray, _other: bytes, rng: np.random.Generator) -> bytes:
    place, length = _at(data, rng), int(rng.choice([1, 2, 4, 8]))
    value = pick(rng, EXTREMES) & ((1 << 8 * length) - 1)
    data[place : place + length] = value.to_bytes(length, "big" if rng.random() < 0.5 else "little")
    return bytes(data)


def _write_another_number(data: bytearray, _other: bytes, rng: np.random.Generator) -> bytes:
    """Puts something else in the place of a number in text, as JSON headers hold it."""
    digits = [place for place in range(min(len(data), 4000)) if chr(data[place]).isdigit()]
    if not digits:
        return bytes(data)
    first = last = pick(rng, digits)
    while first and chr(data[first - 1]).isdigit():
        first -= 1
    while last < len(data) and chr(data[last]).isdigit():
        last += 1
    return bytes(data[:first]) + pick(rng, NUMBERS) + bytes(data[last:])


_MUTATIONS = (_flip, _replace, _cut, _leave_out, _double, _splice, _make_extreme, _write_another_number)


def _mend_safetensors(data: bytes) -> bytes:
    """Makes the length at the beginning of a safetensors file that of its JSON again, so that the JSON is read."""
    end = data.rfind(b"}", 8, 1 << 16) + 1
    return (end - 8).to_bytes(8, "little") + data[8:] if end > 8 else data


def make_input(
    number: int,
    seed: int,
    good: Mapping[str, list[Path]],
    only: tuple[str, ...],
    kinds: Mapping[str, Kind] = KINDS,
) -> tuple[str, str, bytes]:
    """Input `number` of a seed: its kind, the name of its file, and its bytes."""
    rng = np.random.default_rng([seed, number])
    shares = np.array([kinds[name].share for name in only])
    name = only[int(rng.choice(len(only), p=shares / shares.sum()))]
    kind = kinds[name]
    one, other = (pick(rng, good[name]) for _ in range(2))
    data = (kind.damage or mutate)(one.read_bytes(), other.read_bytes(), rng)
    if kind.damage is None and name in ("checkpoint", "state") and rng.random() < 0.5:
        data = _mend_safetensors(data)
    return name, kind.name or f"mutated{''.join(one.suffixes)}", data


def read_mutated(
    number: int,
    seed: int,
    good: Mapping[str, list[Path]],
    only: tuple[str, ...],
    room: Path,
    kinds: Mapping[str, Kind] = KINDS,
) -> tuple[str, str, str]:
    """Reads an input.

    Returns:
        Its kind; "good", "rejected", or the finding's kind; and the traceback of a finding.
    """
    name, file, data = make_input(number, seed, good, only, kinds)
    path = room / file
    path.write_bytes(data)
    if kinds[name].name:  # what it belongs to lies beside it
        for beside in good[name][0].parent.iterdir():
            if beside.name == file or (room / beside.name).exists():
                continue
            if beside.is_dir():
                shutil.copytree(beside, room / beside.name)
            else:
                (room / beside.name).write_bytes(beside.read_bytes())
    try:
        kinds[name].read(path)
    except AnimiError as error:
        message = str(error)
        return name, ("rejected" if message and "Traceback" not in message else "no message"), message
    except BaseException as error:
        return name, type(error).__name__, traceback.format_exc()
    finally:
        for left in room.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
    return name, "good", ""


def find_left() -> str:
    """Programs that this process has started and that still run, and threads that do work; "" where there are none."""
    programs = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it has ended
            for pid in (task / "children").read_text().split():
                folder = Path("/proc", pid)
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                name = (folder / "comm").read_text().strip()
                if state != "Z" and name != "sh":  # the watcher is a shell
                    programs.append(name)
    threads = [each.name for each in threading.enumerate() if each is not threading.main_thread() and not each.daemon]
    return " ".join((*programs, *threads))


def _work(
    numbers: range,
    seed: int,
    good: Mapping[str, list[Path]],
    only: tuple[str, ...],
    kinds: Mapping[str, Kind],
    pipe: Connection,
) -> None:
    """A worker: reads inputs in order, and reports before and after each."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as words:
        os.dup2(words.fileno(), 2)
        (Path(folder) / "room").mkdir()
        for number in numbers:
            pipe.send((number, None))
            words.truncate(0)
            name, outcome, details = read_mutated(number, seed, good, only, Path(folder) / "room", kinds)
            if outcome in ("good", "rejected") and find_left():
                time.sleep(1.0)  # processes that were sent a signal need a moment
                outcome, details = ("left", find_left()) if find_left() else (outcome, details)
            if os.fstat(2).st_size and outcome in ("good", "rejected"):
                words.seek(0)
                outcome, details = "spoke", words.read().decode(errors="replace")
            pipe.send((number, (name, outcome, details, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)))


class _Worker:
    """A worker process with what is left to it."""

    def __init__(self, numbers: range, *settings: Any) -> None:
        self.left, self.settings = numbers, settings
        self.start()

    def start(self) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(
            target=_work, args=(self.left, *self.settings, theirs)
        )
        self.process.start()
        theirs.close()
        self.at: int | None = None
        self.since = time.monotonic()


def main() -> int:
    """Reads them all, and prints a table of what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--by", choices=("bytes", "structure", "format"), default="bytes", help="what is damaged, and how"
    )
    parser.add_argument("--only", help=f"some kinds, such as {','.join(KINDS)}")
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="a folder for what was found")
    given = parser.parse_args()
    kinds, make = KINDS, make_good
    if given.by != "bytes":
        other = {"structure": "fuzz_structure.py", "format": "fuzz_formats.py"}[given.by]
        inputs = SimpleNamespace(**run_path(str(Path(__file__).with_name(other))))
        kinds, make = inputs.KINDS, inputs.make_good
    only = tuple(given.only.split(",")) if given.only else tuple(kinds)
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in only}
    findings: list[dict[str, Any]] = []
    most = 0
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        good = make(Path(folder))
        every = range(given.first, given.first + given.count)
        workers = [_Worker(every[k :: given.workers], given.seed, good, only, kinds) for k in range(given.workers)]

        def find(number: int, name: str, outcome: str, details: str) -> None:
            _, file, data = make_input(number, given.seed, good, only, kinds)
            given.keep.mkdir(parents=True, exist_ok=True)
            kept = given.keep / f"{given.seed}-{number}-{file}"
            kept.write_bytes(data)
            findings.append({"number": number, "kind": name, "outcome": outcome, "file": str(kept), "details": details})
            print(f"{outcome}: {kept}\n{details}", file=sys.stderr)

        stopped: list[int] = []
        signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))  # the results so far are still reported
        told_at = begun
        while workers and not stopped:
            if time.monotonic() - told_at > 30:
                told_at = time.monotonic()
                print(f"{sum(counts.total() for counts in outcomes.values())} of {given.count}", file=sys.stderr)
            ready = wait([worker.pipe for worker in workers], timeout=1)
            for worker in list(workers):
                ended = ""
                if worker.pipe in ready:
                    try:
                        number, details = worker.pipe.recv()
                        worker.at, worker.since = number, time.monotonic()
                        if details is None:
                            continue
                        name, outcome, words, memory = details
                        worker.left, worker.at, most = worker.left[1:], None, max(most, memory)
                        outcomes[name][outcome] += 1
                        if outcome not in ("good", "rejected"):
                            find(number, name, outcome, words)
                        continue
                    except EOFError:
                        worker.process.join()
                        ended = f"ended by {worker.process.exitcode}" if worker.process.exitcode else ""
                elif time.monotonic() - worker.since <= SECONDS:
                    continue
                else:
                    ended = "too slow"
                    worker.process.kill()
                    worker.process.join()
                if ended and worker.at is not None:
                    name = make_input(worker.at, given.seed, good, only, kinds)[0]
                    outcomes[name][ended] += 1
                    find(worker.at, name, ended, "")
                    worker.left = worker.left[1:]
                workers.remove(worker)
                if ended and worker.left:
                    workers.append(_Worker(worker.left, given.seed, good, only, kinds))
        for worker in workers:
            worker.process.kill()
            worker.process.join()
    if findings:
        (given.keep / "findings.json").write_text(json.dumps(findings, indent=1))
    print(_lay_out(outcomes))
    count = sum(counts.total() for counts in outcomes.values())
    seconds, megabytes = time.monotonic() - begun, most / 1024
    print(f"{count} of {given.count} inputs in {seconds:.0f} s; most memory of a worker {megabytes:.0f} MB")
    return 1 if findings else 0


def _lay_out(outcomes: dict[str, Counter[str]]) -> str:
    out = io.StringIO()
    out.write(
        "| what | inputs | read all the same | rejected with a message | anything else |\n|---|---|---|---|---|\n"
    )
    for name, counts in outcomes.items():
        total, good, rejected = counts.total(), counts["good"], counts["rejected"]
        out.write(f"| {name} | {total} | {good} | {rejected} | {total - good - rejected} |\n")
    return out.getvalue().rstrip()


if __name__ == "__main__":
    sys.exit(main())
