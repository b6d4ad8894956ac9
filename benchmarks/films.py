"""Whole films: how much of an engine's own speed is left end to end, beside RIFE in its usual loop, and peak memory.

    python benchmarks/films.py speed FILM --frames 24 --rounds 3 --peers FOLDER --with rife46
    python benchmarks/films.py memory FILM [FILM …] --options "--engine blend"

`speed` takes the first frames of FILM and doubles their rate. Within a round, three things take turns in one process:

- the engine alone: the pairs of frames lie in memory, each is prepared and its middle drawn;
- animi end to end: the same film file in, a film file out, by the function that `animi interpolate` calls;
- a peer in the loop that its users write: OpenCV reads a frame, the network draws, OpenCV writes, one after the other.

Rates are in-betweens a second. FOLDER holds peers.py, where `make(name, threads)` gives `f(first, last, times)`.

`memory` runs the command on each film and watches its memory and that of the ffmpegs that it starts.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import cv2

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.engines.opening import open_engine
from animi.core.films.interpolation import interpolate_film
from animi.core.inbetween.pair import prepare_pair
from animi.core.media.ffmpeg import find_ffmpeg
from animi.core.media.film_source import open_film, read_frames


def cut_film(film: Path, frames: int, folder: Path) -> Path:
    """The first frames of a film, as a film without sound, so that all are timed on the same."""
    path = folder / "start.mp4"
    command = [find_ffmpeg(), "-v", "error", "-y", "-i", film, "-an", "-frames:v", str(frames), "-crf", "16", path]
    subprocess.run(command, check=True)
    return path


def time_engine(film: Path, name: str | None, checkpoint: Path | None) -> tuple[int, float]:
    """In-betweens, and seconds, of the engine alone; frames that are alike need none, as in the film."""
    engine = open_engine(name, checkpoint)
    frames = [pixels for _, pixels in read_frames(open_film(film))]
    start = time.perf_counter()
    for first, last in pairwise(frames):
        next(prepare_pair(first, last, engine, "hold")([0.5]))
    return len(frames) - 1, time.perf_counter() - start


def time_film(
    film: Path, name: str | None, checkpoint: Path | None, folder: Path
) -> tuple[tuple[int, float], tuple[int, float]]:
    """In-betweens, and seconds, from file to file; and of these, from the first frame to the last.

    The rest is what each film costs once, whatever its length: looking into it, and joining it with its sound.
    """
    config = InterpolateFilmConfig(film, folder / "out.mp4", engine=name, checkpoint=checkpoint, overwrite=True)
    moments = []
    start = time.perf_counter()
    drawn = interpolate_film(config, lambda done, total: moments.append(time.perf_counter())).drawn
    end = time.perf_counter()
    return (drawn, end - start), (drawn, moments[-1] - moments[0])


def time_peer(film: Path, draw, most: int, folder: Path) -> tuple[int, float]:
    """The same for a peer, in a plain loop."""
    start = time.perf_counter()
    source = cv2.VideoCapture(str(film))
    size = int(source.get(cv2.CAP_PROP_FRAME_WIDTH)), int(source.get(cv2.CAP_PROP_FRAME_HEIGHT))
    target = cv2.VideoWriter(
        str(folder / "peer.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 2 * source.get(cv2.CAP_PROP_FPS), size
    )
    count = 0
    read, before = source.read()
    while read and count < most:
        read, frame = source.read()
        if not read:
            break
        target.write(before)
        middle = draw(cv2.cvtColor(before, cv2.COLOR_BGR2RGB), cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), [0.5])[0]
        target.write(cv2.cvtColor(middle, cv2.COLOR_RGB2BGR))
        before, count = frame, count + 1
    target.release()
    return count, time.perf_counter() - start


def report_speed(chosen: argparse.Namespace) -> None:
    rates: dict[str, list[float]] = {}
    sys.path.insert(0, chosen.peers)
    peers = {name: import_module("peers").make(name, os.cpu_count()) for name in chosen.others}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        film = cut_film(chosen.film, chosen.frames, folder)
        for each in range(chosen.rounds + 1):  # the first warms up
            timed = {"engine alone": time_engine(film, chosen.engine, chosen.checkpoint)}
            whole, inner = time_film(film, chosen.engine, chosen.checkpoint, folder)
            timed |= {"animi end to end": whole, "of it, first frame to last": inner}
            for name, draw in peers.items():
                timed[f"{name} in its loop"] = time_peer(film, draw, chosen.peer_frames, folder)
            if each:
                for name, (count, seconds) in timed.items():
                    rates.setdefault(name, []).append(count / seconds)
                    print(f"round {each}: {name}: {count} in {seconds:.2f} s", file=sys.stderr)
    with_load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"{chosen.film.name}, {chosen.frames} frames, engine {chosen.engine or 'default'}, {with_load}")
    print("| | in-betweens/s, median | of the engine's, median |\n|---|---|---|")
    for name, found in rates.items():
        share = statistics.median(own / engine for own, engine in zip(found, rates["engine alone"], strict=True))
        print(f"| {name} | {statistics.median(found):.2f} | {share:.2f} |")


def watch(process: subprocess.Popen) -> tuple[float, float]:
    """The highest resident memory, in MiB, of a process, and of it together with all that it starts."""
    alone = together = 0
    page = os.sysconf("SC_PAGE_SIZE")
    while process.poll() is None:
        children: dict[int, list[int]] = {}
        size = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    size[int(entry.name)] = int((entry / "statm").read_text().split()[1]) * page
                except OSError:
                    continue
                children.setdefault(parent, []).append(int(entry.name))
        family = [process.pid]
        for member in family:
            family += children.get(member, [])
        alone = max(alone, size.get(process.pid, 0))
        together = max(together, sum(size.get(member, 0) for member in family))
        time.sleep(0.25)
    return alone / 2**20, together / 2**20


def report_memory(chosen: argparse.Namespace) -> None:
    print("| film | minutes taken | animi, MiB | with its ffmpegs, MiB |\n|---|---|---|---|")
    for path in chosen.films:
        film = open_film(path)
        with tempfile.TemporaryDirectory() as place:
            target = "-" if chosen.to_nowhere else Path(place) / "out.mp4"
            command = [sys.executable, "-c", "from animi.cli.main import run; run()", "interpolate", path, "-o", target]
            start = time.perf_counter()
            process = subprocess.Popen([*command, *chosen.options.split()], stdout=subprocess.DEVNULL)
            alone, together = watch(process)
        if process.returncode:
            sys.exit(process.returncode)
        minutes = (time.perf_counter() - start) / 60
        form = f"{film.width}x{film.height}, {float(film.timing.end) / 60:.1f} min, {film.timing.count} frames"
        print(f"| {form} | {minutes:.1f} | {alone:.0f} | {together:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    speed = commands.add_parser("speed")
    speed.add_argument("film", type=Path)
    speed.add_argument("--frames", type=int, default=24)
    speed.add_argument("--peer-frames", type=int, default=3, help="In-betweens that a peer draws in a round.")
    speed.add_argument("--rounds", type=int, default=3)
    speed.add_argument("--engine")
    speed.add_argument("--checkpoint", type=Path)
    speed.add_argument("--peers", default=".")
    speed.add_argument("--with", dest="others", type=lambda text: text.split(","), default=[])
    speed.set_defaults(run=report_speed)
    memory = commands.add_parser("memory")
    memory.add_argument("films", type=Path, nargs="+")
    memory.add_argument("--options", default="", help="Further options of animi interpolate.")
    memory.add_argument("--to-nowhere", action="store_true", help="Send y4m to /dev/null, and encode nothing.")
    memory.set_defaults(run=report_memory)
    chosen = parser.parse_args()
    chosen.run(chosen)


if __name__ == "__main__":
    main()
