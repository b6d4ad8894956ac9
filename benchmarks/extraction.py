"""How fast films are extracted: beside ffmpeg alone, ffmpeg writing PNGs, and PySceneDetect's detection alone.

Every way works on the same film, which is repeated to last some minutes, and they take turns, so that a busy machine
slows all of them. Medians are given.

    python benchmarks/extraction.py FILM... [--seconds 180] [--rounds 5]

PySceneDetect is measured where it is installed (pip install scenedetect-headless).
"""

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg

from animi.core.config.material import ExtractFramesConfig
from animi.core.material.extraction import extract_frames
from animi.core.media.decode import probe_video

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run([FFMPEG, "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)


def repeat(film: Path, seconds: float, folder: Path) -> Path:
    """Repeats the film until it is that long, without encoding it again."""
    times = math.ceil(seconds / (probe_video(film).duration or seconds))
    path = folder / f"{film.stem}-x{times}.mp4"
    ffmpeg("-stream_loop", str(times - 1), "-i", film, "-map", "0:V:0", "-c", "copy", path)
    return path


def detect(film: Path, name: str) -> None:
    import scenedetect

    manager = scenedetect.SceneManager()
    manager.add_detector(getattr(scenedetect, name)())
    manager.detect_scenes(scenedetect.open_video(str(film)))


def peak_memory(film: Path, folder: Path, *words: str) -> float:
    """The most memory that the command and its ffmpeg take, each by itself, in MiB."""
    code = (
        "import resource, sys; from animi.cli.main import app\n"
        "try: app(sys.argv[1:], standalone_mode=False)\n"
        "finally: print(max(resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF,)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "extract-frames", str(film), "-o", str(folder), *words]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return int(said.split()[-1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    try:
        import scenedetect  # noqa: F401

        detectors = ["ContentDetector", "AdaptiveDetector"]
    except ImportError:
        detectors = []
    square = "crop='min(iw,ih)':'min(iw,ih)',scale=256:256"
    for source in options.films:
        with tempfile.TemporaryDirectory() as scratch:
            film = repeat(source, options.seconds, Path(scratch))
            out = iter(Path(scratch) / str(number) for number in range(10_000))

            def extract(film: Path = film, out=out, **settings: object) -> int:
                config = ExtractFramesConfig((film,), output=next(out), max_frames=None, **settings)  # type: ignore[arg-type]
                return extract_frames(config)[0].decoded

            def write_pngs(film: Path = film, out=out) -> None:
                folder = next(out)
                folder.mkdir()
                ffmpeg("-i", film, "-vf", square, "-fps_mode", "passthrough", folder / "%06d.png")

            ways: dict[str, Callable[[], object]] = {
                "ffmpeg -vf scale=256:-2 -f null": lambda film=film: ffmpeg(
                    "-i", film, "-vf", "scale=256:-2", "-f", "null", "-"
                ),
                "animi, packed store": lambda extract=extract: extract(packed=True),
                "animi, packed store, --cuts none": lambda extract=extract: extract(packed=True, cuts="none"),
                "ffmpeg writing PNGs": write_pngs,
                "animi writing PNGs": lambda extract=extract: extract(keep_duplicates=True),
                "animi writing JPEGs": lambda extract=extract: extract(keep_duplicates=True, format="jpeg"),
            } | {f"PySceneDetect {name} alone": lambda film=film, name=name: detect(film, name) for name in detectors}
            frames = extract(packed=True)
            taken: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(options.rounds):
                for name, way in ways.items():
                    begin = time.perf_counter()
                    way()
                    taken[name].append(time.perf_counter() - begin)
            print(f"\n{source.name}, {frames} frames\n\n| way | frames/s | of ffmpeg alone |\n|---|---|---|")
            alone = statistics.median(taken["ffmpeg -vf scale=256:-2 -f null"])
            for name, seconds in taken.items():
                median = statistics.median(seconds)
                print(f"| {name} | {frames / median:.0f} | {alone / median:.2f} |")
            short = repeat(source, options.seconds / 3, Path(scratch))
            print(
                f"\nMost memory, packed: {peak_memory(short, next(out), '--packed'):.0f} MiB for a third of it, "
                f"{peak_memory(film, next(out), '--packed'):.0f} MiB for the whole"
            )


if __name__ == "__main__":
    main()
