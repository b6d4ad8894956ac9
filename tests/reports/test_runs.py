"""The page of one run, and of several side by side, as a browser would read it; and the progress of a training."""

import base64
import io
import json
import re
import zlib
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib import import_module

import pytest
import torch
from PIL import Image

from animi.cli.training_progress import training_progress
from animi.core.config.training import TrainingConfig
from animi.core.training.run_folder import open_run


@dataclass(frozen=True)
class Settings:
    learning_rate: float = 2e-4
    data: tuple[str, ...] = ("a <b>",)
    training: TrainingConfig = field(default_factory=TrainingConfig)


def make_run(folder, rate, diversity, warning=None, looks=1):
    run = open_run(folder, Settings(rate, training=TrainingConfig(seed=4)), command="train-noise")
    run.show_reals(torch.rand(4, 3, 16, 16) * 2 - 1)
    for step in range(1, 4):
        run.log(step, {"generator/loss": 1 / step, "images_per_second": 50.0 * step})
    for step in range(100 - 10 * looks, 100, 10):
        run.sample(step, torch.rand(4, 3, 16, 16) * 2 - 1)
    run.sample(90, torch.rand(2, 3, 3, 16, 16) * 2 - 1)
    run.log(90, {"health/diversity": diversity} | ({"warning": warning} if warning else {}))
    run.close()
    return folder


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.images, self.rows, self.open, self.outside = [], [], [], []
        self.feed(text)
        assert self.open == [], "a tag is left open"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.outside += [
            value for name, value in attrs.items() if name in ("src", "href") and not value.startswith("data:")
        ]
        if tag == "img":
            self.images.append((attrs["alt"], attrs["src"]))
        if tag not in ("img", "meta"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([attrs.get("class", "")])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_two_runs_stand_side_by_side_on_one_page_that_needs_no_other_file(animi, tmp_path):
    good = make_run(tmp_path / "ours", 2e-4, 0.91, looks=9)
    bad = make_run(tmp_path / "notebook", 1e-3, 0.12, "step 90: collapse: <all> alike", looks=9)
    page = tmp_path / "page.html"
    result = animi("report", good, bad, "-o", page)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(page)
    text = page.read_text(encoding="utf-8")
    found = Page(text)
    assert found.outside == []
    rows = {row[1]: (row[0], *row[2:]) for row in found.rows}
    assert rows[""] == ("", "ours", "notebook")
    assert rows["diversity"] == ("", "0.91", "0.12")
    assert rows["steps done"] == ("", "90", "90")
    assert rows["warnings"] == ("", "0", "1")
    assert rows["learning rate"] == ("differs", "0.0002", "0.001")
    assert rows["seed"] == ("", "4", "4")
    assert rows["data"] == ("", "a <b>", "a <b>")
    assert "notebook: step 90: collapse: &lt;all&gt; alike" in text
    captions = [alt for alt, _ in found.images]
    assert captions[:3] == ["curves", "ours: reals", "notebook: reals"]
    shown = [10, 30, 40, 60, 70, 90]  # six of nine, the first and the last among them
    assert [alt for alt in captions if "fakes" in alt] == [
        f"{run}: fakes, step {step}" for step in shown for run in ("ours", "notebook")
    ]
    assert captions[-2:] == ["ours: clips, step 90", "notebook: clips, step 90"]
    for alt, source in found.images:
        kind, data = re.fullmatch(r"data:image/(svg\+xml|png|gif);base64,(.+)", source).groups()
        data = base64.b64decode(data)
        if kind == "svg+xml":
            assert b"<svg" in data[:2000]
        else:
            Image.open(io.BytesIO(data)).verify()
            assert (kind == "gif") == ("clips" in alt)


def test_large_grids_are_scaled_down_and_small_ones_kept_as_they_are(animi, tmp_path):
    run = open_run(tmp_path / "run", Settings(), command="train-noise")
    run.sample(10, torch.rand(4, 3, 500, 500))
    run.sample(20, torch.rand(4, 3, 20, 20))
    run.close()
    assert animi("report", tmp_path / "run", "-o", tmp_path / "page.html").exit_code == 0
    images = Page((tmp_path / "page.html").read_text()).images
    sizes = [Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).size for _, source in images]
    assert sizes == [(720, 720), (42, 42)]


def test_runs_of_the_same_name_are_told_apart_by_their_folders(animi, tmp_path):
    runs = [make_run(tmp_path / parent / "run", 1e-3, 0.5) for parent in ("one", "two")]
    assert animi("report", *runs, "-o", tmp_path / "page.html").exit_code == 0
    assert Page((tmp_path / "page.html").read_text()).rows[0] == ["", "", "one/run", "two/run"]


def test_of_many_paths_those_that_are_no_runs_are_left_out(animi, tmp_path):
    make_run(tmp_path / "run", 1e-3, 0.9)
    (tmp_path / "frames-64").mkdir()
    (tmp_path / "page.html").write_text("a page")
    paths = [tmp_path / name for name in ("frames-64", "page.html", "run")]
    done = animi("report", *paths, "-o", tmp_path / "out.html")
    assert done.exit_code == 0, done.stderr
    assert done.stderr == "".join(f"animi: {path}: is no run, and is left out\n" for path in paths[:2])
    assert "frames-64" not in (tmp_path / "out.html").read_text()
    done = animi("report", *paths[:2], "-o", tmp_path / "none.html")
    assert done.exit_code == 1 and "frames-64: is no run" in done.stderr


@pytest.mark.parametrize("names", [("a$b", "c$d"), ("_a", "_b"), ("$\\frac$", "日本"), ("a\x1b[2J", "b")])
def test_names_are_no_formulas_and_take_part_in_the_legend(animi, tmp_path, names):
    runs = [make_run(tmp_path / name, 2e-4, 0.9) for name in names]
    for run in runs:
        with (run / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": 91, "$\\foo$": 1.0, "\ud800": 2.0, "a\x00b": 1e308, "big": -1e308}) + "\n")
            file.write(json.dumps({"step": 10**60, "a\x00b": -1e308, "none": float("inf")}) + "\n")
        (run / "samples" / "fakes-²").with_suffix(".png").write_bytes((run / "samples" / "reals.png").read_bytes())
    result = animi("report", *runs, "-o", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    assert "Warning" not in result.stderr


@pytest.mark.parametrize("damage", ["bomb", "text", "cut"])
def test_a_sample_that_cannot_be_read_is_told_in_a_line(animi, tmp_path, damage):
    run = make_run(tmp_path / "run", 2e-4, 0.9)
    sample = run / "samples" / "fakes-00000090.png"
    data = bytearray(sample.read_bytes())
    if damage == "bomb":
        data[16:24] = b"\x00\x01\x00\x00" * 2  # 65,536 squared
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    sample.write_bytes({"bomb": data, "text": b"no picture", "cut": data[:60]}[damage])
    result = animi("report", run, "-o", tmp_path / "page.html")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1, result.output
    assert "fakes-00000090.png: is no picture that can be read; remove it" in result.stderr


def test_a_run_that_has_measured_nothing_yet_makes_a_page_all_the_same(animi, tmp_path):
    open_run(tmp_path / "run", Settings(), command="train-noise").close()
    result = animi("report", tmp_path / "run", "-o", tmp_path / "page.html", "--json")
    assert json.loads(result.stdout) == {"output": str(tmp_path / "page.html")}
    assert "Nothing has been measured yet." in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nothing"], 1, "is no run, as it has no config.json; give a folder that a training wrote"),
        (["run", "-o", "page.pdf"], 2, "--output: page.pdf is no page; give a name that ends in .html"),
        (["run", "-o", "there.html"], 1, "there.html: exists already; add --overwrite"),
        (["broken"], 1, "config.json: is damaged"),
    ],
)
def test_what_cannot_be_shown_is_told_in_a_line(animi, tmp_path, monkeypatch, words, code, message):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "run", 1e-3, 0.5)
    (tmp_path / "there.html").write_text("mine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    result = animi("report", *words)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert (tmp_path / "there.html").read_text() == "mine"


def test_progress_tells_steps_losses_speed_and_time_left_where_stderr_is_a_file(capsys):
    with training_progress(steps=3) as (advance, note):
        for step in range(1, 4):
            advance(step, {"generator/loss": 2.0, "generator/gradient": 9.0, "images_per_second": 41.7})
        note("step 3: all is well")
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert re.fullmatch(r"step 3/3  generator 2\.000  [\d.]+ it/s 42 images/s  0:00:00 left", lines[0])
    assert lines[1:] == ["step 3: all is well"]


def test_progress_shows_a_bar_in_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    with training_progress(steps=30, first_step=10) as (advance, note):
        advance(20, {"generator/loss": 2.0, "discriminator/loss": 0.5, "images_per_second": 41.7})
        note("a [word] in between")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    assert "a [word] in between" in plain
    assert "step 20/30" in plain
    assert "generator 2.000 discriminator 0.500" in plain
    assert re.search(r"[\d.]+ it/s 42 images/s", plain)


def test_other_processes_show_nothing(capsys):
    with training_progress(steps=2, shown=False) as (advance, note):
        advance(2, {"generator/loss": 1.0, "images_per_second": 41.7})
        note("not this one")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train-vgg-sle", ("data",)), ("train-noise", ("data",)), ("pretrain-ae", ("data",)),
        ("finetune-adv", ("data", "--init", "ae")), ("train-motion", ()),
    ],
)  # fmt: skip
def test_a_runs_folder_is_written_once_by_several_processes(command, words, animi, monkeypatch):
    """Of every training's command: what it trains with is left out, and what it prints is what counts."""
    function = command.replace("-", "_")
    recipe = import_module(f"animi.core.training.recipes.{function}")
    monkeypatch.setattr(recipe, function, lambda config, **_: config.output)
    for rank, as_json, printed in (
        ("0", ["--json"], '{"output": "runs/a"}\n'), ("1", ["--json"], ""), ("0", [], "runs/a\n"), ("1", [], ""),
    ):  # fmt: skip
        monkeypatch.setenv("RANK", rank)
        done = animi(command, *words, "-o", "runs/a", *as_json)
        assert (done.exit_code, done.stdout) == (0, printed), (rank, as_json, done.output)
