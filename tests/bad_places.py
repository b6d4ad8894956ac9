"""Runs every command that writes, in a process of its own, where it cannot write; tells as JSON what came of it.

    python tests/bad_places.py read-only|full FOLDER      (FOLDER holds what the commands read: see test_bad_places.py)

A folder that is read only, and a disk of 40 kB, are mounted where that is allowed: in a mount namespace of its own, to
which `unshare -rm` leads. Elsewhere rights are taken from the folder, or from this process where it is root's; and the
size of files is limited.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

DISK = 49_152  # bytes; the older results leave 8 kB of it
TRAINED = ("--size", "64", "--width", "4", "--device", "cpu", "--workers", "0", "--steps", "2", "--batch-size", "2",
           "--evaluation-samples", "4")  # fmt: skip
MOTION = ("--sizes", "64", "--width", "8", "--device", "cpu", "--workers", "0", "--steps", "1", "--batch-size", "2",
          "--evaluation-samples", "4")  # fmt: skip


def commands(given: Path, place: Path, old: str) -> dict[str, list[object]]:
    """Every command that writes, with its result in `place`: an older one of the name `old` may be replaced."""
    keys = given / "0.png", given / "1.png"
    drawn = ("draw-cartoon", "--seconds", 0.5, "--overwrite")
    return {
        **{
            f"interpolate to {kind}": ["interpolate", *keys, "-n", 12, "-o", place / f"{old}{kind}", "--overwrite"]
            for kind in (".gif", ".webp", ".png", ".mp4", ".webm", "")
        },
        "interpolate to numbered files": [
            *("interpolate", *keys, "-n", 12, "-o", place / f"{old}.##.png", "--overwrite")
        ],
        "interpolate to a sheet": [
            *("interpolate", *keys, "--grid", "128x128", "-n", 12, "-o", place / f"{old}.json", "--overwrite")
        ],
        "interpolate a film": [
            *("interpolate", given / "film.mp4", "--engine", "blend", "--preview", "1s", "--overwrite"),
            *("-o", place / f"{old}.mp4"),
        ],
        "interpolate --plan": [
            *("interpolate", given / "film.mp4", "--engine", "blend", "--preview", "1s", "-o", given.parent / "s.mp4"),
            *("--overwrite", "--plan", place / "job"),
        ],
        "draw": ["draw", place / "old job"],
        "join": ["join", given / "drawn job", "-o", place / f"{old}.mp4", "--overwrite"],
        "draw-cartoon to .mp4": [*drawn, "--size", "512x288", place / f"{old}.mp4"],
        "draw-cartoon to a folder": [*drawn, "--size", "512x288", place / old],
        "draw-cartoon's motion": [
            *(*drawn, "--seconds", 0.1, given.parent / "cartoon.gif", "--truth", place / "motion"),
        ],
        "extract-frames": ["extract-frames", given / "film.mp4", "-o", place / "frames", "--size", 128],
        "extract-frames --packed": ["extract-frames", given / "film.mp4", "-o", place / "packed", "--packed"],
        "preview-clips": ["preview-clips", given / "frames", "--length", 3, "-o", place / f"{old}.png", "--overwrite"],
        "refine": ["refine", *keys, "--checkpoint", given / "refinement.safetensors", "-o", place / old, "--overwrite"],
        "sample": ["sample", given / "noise.safetensors", "-n", 64, "-o", place / old, "--overwrite"],
        "sample a walk": ["sample", given / "noise.safetensors", "-n", 4, "-o", place / f"{old}.gif", "--overwrite"],
        "evaluate": [
            *("evaluate", "blend", given / "frames", "--metrics", "psnr", "--clips", 4, "--overwrite"),
            *("--html", place / f"{old}.html"),
        ],
        "export": ["export", "--onnx", place / "graphs"],
        "report": ["report", given / "run", "-o", place / f"{old}.html", "--overwrite"],
        "train-noise": ["train-noise", given / "frames", "-o", place / "run", *TRAINED, "--no-health"],
        "train-vgg-sle": [
            *("train-vgg-sle", given / "frames", "-o", place / "vgg run", *TRAINED, "--length", 3),
            *("--vgg-weights", given / "vgg.safetensors"),
        ],
        "pretrain-ae": ["pretrain-ae", given / "frames", "-o", place / "ae run", *TRAINED, "--net", "plain"],
        "finetune-adv": [
            *("finetune-adv", given / "frames", "-o", place / "fine run", *TRAINED, "--length", 3, "--no-health"),
            *("--init", given / "auto-encoder.safetensors"),
        ],
        "train-motion": ["train-motion", "-o", place / "motion run", *MOTION],
    }


def mount(place: Path, options: str) -> bool:
    """Mounts a small disk, which holds an older result of each kind; False where that is not allowed."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", place], capture_output=True)
    if done.returncode:
        return False
    fill(place)
    return not options or subprocess.run(["mount", "-o", f"remount,{options}", place]).returncode == 0


def fill(place: Path) -> None:
    for kind in (".gif", ".webp", ".png", ".mp4", ".webm", ".html", ".json"):
        (place / f"old{kind}").write_bytes(b"an older result")
    (place / "old").mkdir()
    (place / "old" / "000.png").write_bytes(b"an older result")
    (place / "old job" / "segments").mkdir(parents=True)
    shutil.copy(place.parent / "given" / "job" / "plan.json", place / "old job")


def empty(place: Path) -> None:
    for path in place.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def make_bad(kind: str, place: Path) -> str:
    """Makes `place` bad, and tells how."""
    if mount(place, "ro" if kind == "read-only" else ""):
        return "mounted"
    fill(place)
    if kind == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
        return "files limited"
    if os.geteuid() == 0:
        return ""
    place.chmod(0o555)
    return "rights taken"


def standing(place: Path) -> dict[str, str]:
    return {str(p.relative_to(place)): p.read_text(errors="replace") if p.is_file() else "" for p in place.rglob("*")}


def main() -> None:
    """Runs them all."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    place = folder / kind
    place.mkdir()
    how = make_bad(kind, place)
    results: dict[str, object] = {}
    if how:
        import torch

        from animi.cli.main import app

        torch.set_num_threads(1)
        for name, words in commands(folder / "given", place, "old").items():
            if kind == "full":  # as it was, with room for the next
                empty(place)
                fill(place)
            before = standing(place)
            ran = CliRunner().invoke(app, [str(word) for word in words])
            after = standing(place)
            results[name] = {
                "code": ran.exit_code,
                "stdout": ran.stdout,
                "stderr": ran.stderr,
                "error": repr(ran.exception),
                "harmed": sorted(path for path, data in before.items() if after.get(path) != data),
                "left": {path: len(data) for path, data in after.items() if path not in before},
            }
    sys.__stdout__.write(json.dumps({"how": how, "results": results}))


if __name__ == "__main__":
    main()
