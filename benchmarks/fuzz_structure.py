"""The kinds of input of `fuzz.py --by structure`: good files, what reads them, and how they are damaged.

`fuzz_damage.py` has the damage. Beside files of all formats these are requests to the studio, and whole folders that
are used again: a film's work folder, an extraction and a training, each with one damaged file. Their results must be
complete, and files that are not animi's must stay.
"""

import json
import logging
import os
import shutil
import struct
import time
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from starlette.testclient import TestClient

from animi.cli.studio_server import build_app
from animi.core.config import parsing
from animi.core.config.evaluation import ReportConfig
from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.config.material import ExtractFramesConfig
from animi.core.config.studio import StudioConfig
from animi.core.config.training import TrainingConfig
from animi.core.errors import AnimiError, InputError
from animi.core.films.interpolation import interpolate_film
from animi.core.films.work_folder import name_folder
from animi.core.material.extraction import extract_frames
from animi.core.material.films import open_material
from animi.core.media.decode import decode_video, probe_video
from animi.core.media.encode import write_video
from animi.core.media.film_segments import count_packets
from animi.core.media.film_source import find_film, open_film, read_frames
from animi.core.media.image_files import read_image, write_png
from animi.core.reports.runs import write_report
from animi.core.studio.studio import Studio
from animi.core.training.loop import Hooks, Phase, fit
from animi.core.training.metrics_file import read_series
from animi.core.training.run_folder import Network, open_run
from animi.core.weights.imagenet import ALEXNET, read_weights
from animi.models.refinement import RefinementConfig

FUZZ = SimpleNamespace(**run_path(str(Path(__file__).with_name("fuzz.py"))))
Kind, SIDE, FRAMES = FUZZ.Kind, FUZZ.SIDE, FUZZ.FRAMES
draw: Callable[[int], np.ndarray[Any, np.dtype[np.uint8]]] = FUZZ.draw
Rng = np.random.Generator
DAMAGE = SimpleNamespace(**run_path(str(Path(__file__).with_name("fuzz_damage.py"))))
pick = DAMAGE.pick
damage_json = DAMAGE.damage_json
damage_lines = DAMAGE.damage_lines
damage_tensors = DAMAGE.damage_tensors
damage_png = DAMAGE.damage_png
damage_riff = DAMAGE.damage_riff
damage_gif = DAMAGE.damage_gif
damage_tiff = DAMAGE.damage_tiff
damage_head = DAMAGE.damage_head
damage_boxes = DAMAGE.damage_boxes
damage_sheet = DAMAGE.damage_sheet
damage_cuts = DAMAGE.damage_cuts
damage_words = DAMAGE.damage_words
damage_stream = DAMAGE.damage_stream
make_manifest = DAMAGE.make_manifest
SECRET = DAMAGE.SECRET
MINE = "mine.txt"
"""A file in every folder that is used again: it is not animi's, and must stay."""


# Good files


def make_film(path: Path, frames: int = FRAMES) -> None:
    """A film."""
    write_video(path, (draw(number % FRAMES) for number in range(frames)), fps=Fraction(12), size=(SIDE, SIDE))


def make_psd() -> bytes:
    """A PSD of one layer, by the letter of its format."""

    def block(data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + data

    pixels = draw(0).transpose(2, 0, 1)
    channels = b"".join(struct.pack(">H", 0) + plane.tobytes() for plane in pixels)
    record = struct.pack(">4iH", 0, 0, SIDE, SIDE, 3)
    record += b"".join(struct.pack(">hI", k, 2 + SIDE * SIDE) for k in range(3)) + b"8BIMnorm\xff\0\0\0"
    record += block(block(b"") + block(b"") + b"\x04name\0\0\0")
    layers = block(struct.pack(">h", 1) + record + channels)
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, SIDE, SIDE, 8, 3)
    resource = b"8BIM" + struct.pack(">HH", 1005, 0) + block(struct.pack(">IHHIHH", 72 << 16, 1, 1, 72 << 16, 1, 1))
    return head + block(b"") + block(resource) + block(layers + block(b"")) + struct.pack(">H", 0) + pixels.tobytes()


def make_qoi() -> bytes:
    """A QOI of plain pixels."""
    pixels = b"".join(b"\xfe" + pixel.tobytes() for pixel in draw(0).reshape(-1, 3))
    return b"qoif" + struct.pack(">IIBB", SIDE, SIDE, 3, 0) + pixels + b"\0" * 7 + b"\1"


def make_work(folder: Path) -> None:
    """A film, and the work folder that a run leaves which was killed as it put its new film in its place."""
    folder.mkdir()
    make_film(folder / "film.mp4", 130)
    config = _film_config(folder)
    work = name_folder(config.output)

    def stop(done: int, _total: int | None) -> None:
        if done == WHOLE - 2:
            while not (work / "000000.segment").exists():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        interpolate_film(config, stop)
    shutil.copytree(work, folder / "kept")
    interpolate_film(replace(config, resume=True))
    (folder / "kept").rename(work)
    config.output.rename(work / "draft.mp4")
    finished = {"frames": WHOLE, "drawn": 129, "width": SIDE, "height": SIDE, "engine": "blend", "resumed": 0,
            "seconds": "65/6", "rate": "24", "notes": [], "bytes": (work / "draft.mp4").stat().st_size}  # fmt: skip
    (work / "finished").write_text(json.dumps(finished))
    (work / "segments.txt").write_text("ffconcat version 1.0\nfile /etc/passwd\n")


WHOLE = 260
"""Frames of the film that is made in that folder."""


def _film_config(folder: Path) -> InterpolateFilmConfig:
    return InterpolateFilmConfig(folder / "film.mp4", folder / "smooth.mp4", engine="blend", device="cpu")


def make_extraction(folder: Path) -> None:
    """A film, and what was extracted of it."""
    folder.mkdir()
    make_film(folder / "film.mp4")
    for packed in (False, True):
        extract_frames(_extraction_config(folder, packed))


def _extraction_config(folder: Path, packed: bool) -> ExtractFramesConfig:
    out = folder / ("packed" if packed else "images")
    return ExtractFramesConfig((folder / "film.mp4",), out, size=16, packed=packed)


def train(folder: Path, steps: int, resume: bool) -> None:
    """A tiny training, begun or resumed."""
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters(), fused=False)
    config = TrainingConfig(steps=steps, batch_size=4, log_every=1, save_every=1, sample_every=1, device="cpu")
    material = [{"film": "a", "frames": 8, "sha256": "0123"}]
    kept = Network(network, "refinement", RefinementConfig(2, 1))

    def loss(batch: torch.Tensor, _step: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return network(batch).square().mean(), {}

    with open_run(folder, config, resume, command="train-x", material=material) as run:
        batches = ((step, torch.ones(4, 3)) for step in range(run.first_step, steps))
        hooks = Hooks(
            report=run.log,
            sample=lambda done: run.save_best(done, 0.5, kept) and None,
            save=lambda done, state: run.save(done, state, kept) and None,
        )
        fit([Phase("net", network, optimizer, loss)], batches, config, hooks, state=run.state)
        run.sample(steps, torch.zeros(2, 3, 8, 8))


# Readers


def read_film(path: Path) -> None:
    """As every command reads a film."""
    for frames in (decode_video(probe_video(path), size=16, fit="crop"), read_frames(open_film(path))):
        for _ in islice(frames, 4 * FRAMES):
            pass
        frames.close()


def read_picture(path: Path) -> None:
    """As key frames are read, and seen to be no film."""
    find_film([path])
    read_image(path)


def read_moving(path: Path) -> None:
    """As an animation is read: as a picture, and a fourth of them as a film too, which takes far longer."""
    fault = None
    for read in (read_picture, read_film)[: 1 if zlib.crc32(path.read_bytes()) % 4 else 2]:
        try:
            read(path)
        except AnimiError as error:
            fault = error
    if fault is not None:
        raise fault


def read_manifest(path: Path) -> None:
    """A manifest; it must be rejected, whatever it names."""
    make_film(path.with_name(SECRET), 2)
    for read in (probe_video, open_film):
        try:
            read(path)
        except AnimiError as error:
            fault = error
        else:
            raise AssertionError("a manifest was read as a film")
    raise fault


def read_store(path: Path) -> None:
    """A frame store, or a folder of images with its index."""
    for film in open_material([path.parent]).films:
        film.shots()
        film.frames[len(film) - 1].max()


def resume_film(path: Path) -> None:
    """Resumes a film in whose work folder one file is damaged."""
    folder, config = path.parent / "again", replace(_film_config(path.parent / "again"), resume=True)
    _copy_with(path, GOOD / "work", folder)
    work = name_folder(config.output)
    if path.name != "finished":  # otherwise only its draft would be read
        for name in ("finished", "draft.mp4"):
            (work / name).unlink()
    _move_in(path, work)
    before = {each.name for each in work.iterdir()}
    try:
        interpolate_film(config)
    except AnimiError:
        lost = before - {each.name for each in work.iterdir()}
        assert not {name for name in lost if name.endswith((".segment", ".json", ".txt"))} - {"segments.txt"}, lost
        raise
    assert count_packets(config.output, config.output) == WHOLE, "frames are missing"
    assert not work.exists() or not list(work.glob("*.segment")), "segments are left"


def extract_again(path: Path) -> None:
    """Extracts a film into the folder of an extraction of which one file is damaged."""
    packed = path.suffix == ".store" or path.name in ("store.json", "frames.rgb")
    folder = path.parent / "again"
    _copy_with(path, GOOD / "extraction", folder)
    config = _extraction_config(folder, packed)
    _move_in(path, config.output / "film")
    note = folder / "film-2"
    (done,) = extract_frames(config)
    assert done.frames == FRAMES, f"{done.frames} frames"
    (film,) = open_material([done.folder]).films
    assert len(film) == FRAMES and not note.exists()
    for number in range(FRAMES):
        film.frames[number].max()


def resume_training(path: Path) -> None:
    """Resumes a training of which one file is damaged."""
    folder = path.parent / "again"
    _copy_with(path, GOOD / "run", folder)
    _move_in(path, folder / "checkpoints" if "state" in path.name else folder)
    train(folder, 4, resume=True)
    read_series(folder)


def report(path: Path) -> None:
    """Writes the page of a run of which one file is damaged."""
    folder = path.parent / "again"
    _copy_with(path, GOOD / "run", folder)
    _move_in(path, folder / "samples" if path.suffix == ".png" else folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_report(ReportConfig((folder,), path.parent / "page.html"))


GOOD = Path()
"""Where the good files are; set by `make_good`."""


def _copy_with(path: Path, good: Path, folder: Path) -> None:
    shutil.copytree(good, folder)
    for inside in (folder, *(each for each in folder.rglob("*") if each.is_dir())):
        if not (inside / "film.mp4").exists() and good.name != "run":
            (inside / MINE).write_text("mine")
    assert path.is_file()


def _move_in(path: Path, folder: Path) -> None:
    shutil.copy(path, folder / path.name.replace("of-images-", ""))


def check_kept(read: Callable[[Path], None]) -> Callable[[Path], None]:
    """The same, where what is not animi's must stay as it is."""

    def check(path: Path) -> None:
        try:
            read(path)
        finally:
            kept = [each for each in (path.parent / "again").rglob("*") if each.name.endswith(MINE)]
            assert kept and all(each.read_text() == "mine" for each in kept), "a file was lost"

    return check


def read_weight(path: Path) -> None:
    """Weights by torchvision's names, as pickles of tensors or as safetensors."""
    read_weights(ALEXNET, path, {"features.0.weight": torch.zeros(2, 3)})


def read_words(path: Path) -> None:
    """What is typed, as every option reads it."""
    text = path.read_bytes().decode("utf-8", "surrogatepass")
    fault: AnimiError | None = None
    for read in (
        parsing.read_range, parsing.read_spacing, parsing.read_size, parsing.read_both_sides,
        lambda word: parsing.read_time(word, "--x"), lambda word: parsing.read_rate(word, "--x"),
        lambda word: parsing.read_numbers(word, "--x", "1"), lambda word: parsing.read_wholes(word, "--x", "1"),
        lambda word: parsing.read_pairs(word, "--x"),
    ):  # fmt: skip
        try:
            read(text)
        except AnimiError as error:
            fault = error
    parsing.parse_time(text)
    if fault is not None:
        raise fault


# The studio


DRAWN = {"engine": "flow", "count": 3, "position": 0.5}
HINTS: dict[str, Any] = {
    "size": [SIDE, SIDE],
    "pairs": [{
        "keys": ["key 0", "key 1"], "tracks": [[[4, 4], [9, 9]], [[12, 12]], [[15, 3], None]],
        "strokes": [{"points": [[2, 20], [9, 20]], "width": 3, "erases": False}],
    }],
}  # fmt: skip
"""Hints of the two key frames that are there, which `ask_studio` calls by their ids."""
FILE = HINTS | {"version": 1, "pairs": [{**pair, "keys": [0, 1]} for pair in HINTS["pairs"]]}
"""The same as a file of hints."""
REQUESTS = (
    ("POST", "uploads", {"name": "a.png", "size": 100}), ("POST", "times", {"count": 5, "spacing": "0,0.5,1"}),
    ("POST", "uploads", {"name": "a.png", "size": 100, "position": 0.5}), ("POST", "chase", {}),
    ("POST", "draw", {"engine": "blend", "count": 3, "fps": "12", "spacing": "linear", "loop": False, "size": "16"}),
    ("POST", "moment", {"engine": "blend", "count": 3, "position": 0.5, "full": True}),
    ("POST", "export", {"engine": "blend", "count": 3, "format": "gif", "boomerang": True, "on_failure": "hold"}),
    ("POST", "film/smooth", {"engine": "blend", "factor": "2", "format": "mp4", "cadence": "smooth", "preview": 1}),
    ("POST", "film/choice", {"drawings": [0, 1]}), ("PUT", "drawings", {"drawings": ["key 1", "key 0"]}),
    ("PUT", "hints", HINTS), ("PUT", "hints", HINTS), ("POST", "hints/file", DRAWN), ("POST", "matches", DRAWN),
    ("POST", "doubt", DRAWN), ("POST", "doubtful", DRAWN), ("POST", "kept", DRAWN),
    ("POST", "hints/load", DRAWN | {"name": "hints.json", "text": json.dumps(FILE)}),
)  # fmt: skip


def make_request(_data: bytes, other: bytes, rng: Rng) -> bytes:
    """A request to the studio: a line that says which, and its body."""
    if rng.random() < 0.4:  # a file
        names = ("a.png", "a.gif", "a.webp", "a.mp4", "x" * 300, "../a.png", "\x00.png", "a.tif", "", "a.svg", "CON")
        name = pick(rng, names)
        order = {"name": name, "more": int(pick(rng, (0, 0, 0, 1, -1))), "kind": "file", "at": pick(rng, (None, 0.5))}
        damage = {b"\x89PN": damage_png, b"GIF": damage_gif, b"RIF": damage_riff}.get(other[:3], damage_boxes)
        return json.dumps(order).encode() + b"\n" + damage(other, other, rng)
    method, what, body = pick(rng, REQUESTS)
    if rng.random() < 0.1:
        method = str(pick(rng, ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")))
    if rng.random() < 0.1:
        places = ("jobs/1/file", "jobs/²/file", "jobs/1/frames/9999999999.png", "film/².jpg", "drawings/x.png", "..",
                  "uploads/x", "%2e%2e/x", "jobs/%00", "jobs/" + "9" * 900, "uploads/" + "a" * 900)  # fmt: skip
        what = str(pick(rng, places))
    head = json.dumps({"kind": "request", "method": method, "what": what})
    if "text" in body and rng.random() < 0.8:  # the file in the request is damaged, and not the request
        text = damage_json(json.dumps(FILE).encode(), other, rng).decode("utf-8", "replace")
        return head.encode() + b"\n" + json.dumps(body | {"text": text}).encode()
    return head.encode() + b"\n" + damage_json(json.dumps(body).encode(), other, rng)


_studios: dict[int, tuple[Studio, TestClient]] = {}


def ask_studio(path: Path) -> None:
    """Asks the studio; no answer may be a fault of its own, and nothing may be left when the page ends."""
    head, _, body = path.read_bytes().partition(b"\n")
    order = json.loads(head)
    if os.getpid() not in _studios:
        studio = Studio(StudioConfig(device="cpu", max_film_minutes=0.2))
        client = TestClient(build_app(studio, None), base_url="http://127.0.0.1:8321", raise_server_exceptions=False)
        _studios[os.getpid()] = studio, client
    studio, client = _studios[os.getpid()]
    session = client.post("/api/sessions").json()["id"]
    at = f"/api/sessions/{session}"
    folder = studio[session].files.path
    for good in ("plain.png", "plain.jpg"):
        data = (GOOD / "image" / good).read_bytes()
        upload = client.post(f"{at}/uploads", json={"name": good, "size": len(data)}).json()["upload"]
        assert client.put(f"{at}/uploads/{upload}", content=data).status_code == 200
    names = [drawing["id"] for drawing in client.get(at).json()["drawings"]]

    def name_keys(data: bytes) -> bytes:
        for number, name in enumerate(names):
            data = data.replace(b"key %d" % number, name.encode())
        return data

    assert client.put(f"{at}/hints", content=name_keys(json.dumps(HINTS).encode())).status_code == 200
    try:
        if order["kind"] == "file":
            announcement = {"name": order["name"], "size": len(body) + order["more"], "position": order["at"]}
            announced = client.post(f"{at}/uploads", json=announcement)
            answers = [announced]
            if announced.status_code == 201:
                answers.append(client.put(f"{at}/uploads/{announced.json()['upload']}", content=body))
        else:
            place = "/api/times" if order["what"] == "times" else f"{at}/{order['what']}"
            answers = [client.request(order["method"], place, content=name_keys(body))]
        until = time.monotonic() + 60
        while any(job["state"] in ("waiting", "running") for job in client.get(f"{at}/jobs").json()["jobs"]):
            assert time.monotonic() < until, "a job goes on for too long"
            time.sleep(0.01)
        answers.append(client.get(f"{at}/jobs"))
        for answer in answers:
            assert answer.status_code < 500 or answer.status_code == 507, (answer.status_code, answer.text)
            assert "Traceback" not in answer.text and "please report it" not in answer.text, answer.text
    finally:
        client.delete(at)
        until = time.monotonic() + 5
        while folder.exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert not folder.exists(), "files of a page are left"
    rejected = [answer for answer in answers if answer.status_code >= 400]
    if rejected:
        raise InputError(rejected[-1].text or "no words")


# All kinds

_PNG, _GIF, _RIFF, _TIFF = (damage_png, damage_gif, damage_riff, damage_tiff)
_film_again, _extract_again = check_kept(resume_film), check_kept(extract_again)

KINDS: dict[str, Any] = {
    "manifest": Kind(3, read_manifest, "x.mp4", make_manifest),
    "playlist": Kind(1, read_manifest, "x.m3u8", make_manifest),
    "png": Kind(12, read_picture, "", damage_png),
    "apng": Kind(7, read_moving, "", damage_png),
    "gif": Kind(8, read_moving, "", damage_gif),
    "webp": Kind(9, read_moving, "", damage_riff),
    "tiff": Kind(12, read_picture, "", damage_tiff),
    "psd": Kind(8, read_picture, "", damage_head),
    "head": Kind(9, read_picture, "", damage_head),
    "mp4": Kind(4, read_film, "", damage_boxes),
    "stream": Kind(6, FUZZ._read_stream, "", damage_stream),
    "checkpoint": Kind(7, FUZZ._load, "", damage_tensors),
    "weights": Kind(2, read_weight, "", damage_tensors),
    "pickle": Kind(2, read_weight, ""),
    "sheet": Kind(6, FUZZ._read_sheet, "sheet.csv", damage_sheet),
    "cuts": Kind(2, FUZZ._read_cuts, "cuts.txt", damage_cuts),
    "words": Kind(5, read_words, "words", damage_words),
    "store": Kind(4, read_store, "store.json", damage_json),
    "records": Kind(4, read_store, "frames.jsonl", damage_lines),
    "index": Kind(4, read_store, "frames.jsonl", damage_lines),
    "film job": Kind(0.4, _film_again, "film.json", damage_json),
    "film record": Kind(0.4, _film_again, "000000.json", damage_json),
    "film end": Kind(0.4, _film_again, "finished", damage_json),
    "film segment": Kind(0.3, _film_again, "000000.segment", damage_boxes),
    "extraction": Kind(0.5, _extract_again, "film.json", damage_json),
    "extracted records": Kind(0.5, _extract_again, "frames.jsonl", damage_lines),
    "extracted store": Kind(0.4, _extract_again, "store.json", damage_json),
    "extracted image": Kind(0.4, _extract_again, "000003.png", damage_png),
    "run settings": Kind(0.8, resume_training, "config.json", damage_json),
    "run metrics": Kind(0.8, resume_training, "metrics.jsonl", damage_lines),
    "run best": Kind(0.4, resume_training, "best.json", damage_json),
    "run state": Kind(2, resume_training, "00000002.state.safetensors", damage_tensors),
    "report settings": Kind(0.3, report, "config.json", damage_json),
    "report metrics": Kind(0.6, report, "metrics.jsonl", damage_lines),
    "report sample": Kind(0.3, report, "fakes-00000002.png", damage_png),
    "studio": Kind(4, ask_studio, "request", make_request),
}


def make_good(folder: Path) -> dict[str, list[Path]]:
    """Makes the good files of each kind."""
    global GOOD
    GOOD = folder
    torch.manual_seed(0)
    logging.disable()  # the studio's log of what it answers
    FUZZ.make_images(folder / "image")
    (folder / "image" / "plain.psd").write_bytes(make_psd())
    (folder / "image" / "plain.qoi").write_bytes(make_qoi())
    for name in ("stream", "checkpoint", "sheet", "cuts"):
        getattr(FUZZ, f"make_{name}s" if name in ("stream", "checkpoint", "sheet") else "make_cuts")(folder / name)
    FUZZ.make_store(folder / "store")
    (folder / "index").mkdir()
    for number in range(FRAMES):
        write_png(folder / "index" / f"{number:06d}.png", draw(number))
    lines = [
        {"frame": k, "file": f"{k:06d}.png", "film": "f", "shot": k // 5, "duplicate_of": None, "transition": None}
        for k in range(FRAMES)
    ]
    (folder / "index" / "frames.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "mp4").mkdir()
    for name in ("a.mp4", "b.mov"):
        make_film(folder / "mp4" / name)
    (folder / "weights").mkdir()
    save_file({"features.0.weight": torch.zeros(2, 3)}, folder / "weights" / "a.safetensors", {"a": "b"})
    (folder / "pickle").mkdir()
    torch.save({"features.0.weight": torch.zeros(2, 3)}, folder / "pickle" / "a.pth")
    make_work(folder / "work")
    make_extraction(folder / "extraction")
    train(folder / "run", 2, resume=False)
    write_png(folder / "run" / "samples" / "fakes-00000002.png", draw(0))

    images = sorted((folder / "image").iterdir())
    moving = {path.suffix: path for path in images if path.stem == "moving"}
    work, films, run = folder / "work" / ".smooth.mp4.animi", folder / "extraction", folder / "run"
    heads = [path for path in images if path.suffix in (".qoi", ".bmp", ".dds", ".ico", ".pcx", ".sgi", ".tga", ".ppm")]
    return {
        "manifest": [folder / "cuts" / "cuts.txt"], "playlist": [folder / "cuts" / "cuts.txt"],
        "png": [path for path in images if path.suffix == ".png"], "apng": [moving[".png"]],
        "gif": [path for path in images if path.suffix == ".gif"],
        "webp": [path for path in images if path.suffix == ".webp"],
        "tiff": [path for path in images if path.suffix == ".tif"],
        "psd": [path for path in images if path.suffix == ".psd"], "head": heads,
        "mp4": sorted((folder / "mp4").iterdir()), "stream": sorted((folder / "stream").iterdir()),
        "checkpoint": sorted((folder / "checkpoint").iterdir()), "weights": [folder / "weights" / "a.safetensors"],
        "pickle": [folder / "pickle" / "a.pth"], "sheet": [folder / "sheet" / "sheet.csv"],
        "cuts": [folder / "cuts" / "cuts.txt"], "words": [folder / "cuts" / "cuts.txt"],
        "store": [folder / "store" / "store.json"], "records": [folder / "store" / "frames.jsonl"],
        "index": [folder / "index" / "frames.jsonl"],
        "film job": [work / "film.json"], "film record": [work / "000000.json"], "film end": [work / "finished"],
        "film segment": [work / "000000.segment"],
        "extraction": [films / part / "film" / "film.json" for part in ("images", "packed")],
        "extracted records": [films / "images" / "film" / "frames.jsonl"],
        "extracted store": [films / "packed" / "film" / "store.json"],
        "extracted image": [films / "images" / "film" / "000003.png"],
        "run settings": [run / "config.json"], "run metrics": [run / "metrics.jsonl"], "run best": [run / "best.json"],
        "run state": [run / "checkpoints" / "00000002.state.safetensors"],
        "report settings": [run / "config.json"], "report metrics": [run / "metrics.jsonl"],
        "report sample": [run / "samples" / "fakes-00000002.png"],
        "studio": [*moving.values(), folder / "image" / "plain.png", *sorted((folder / "mp4").iterdir())],
    }  # fmt: skip
