"""`animi evaluate` as a person uses it, on tiny drawn sequences: what it finds, writes, leaves out and rejects."""

import base64
import io
import json
import math
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from statistics import fmean, median

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from animi.core.config.evaluation import EvaluateConfig
from animi.core.errors import ConfigError, InputError
from animi.core.inbetween.sequence import interpolate
from animi.core.material.frame_store import FrameStore, FrameStoreWriter
from animi.core.material.sequences import find_sequences
from animi.core.measures import metrics
from animi.core.measures.coherence import coherence
from animi.core.measures.patches import KeyPatches
from animi.core.measures.perceptual import PerceptualDistance
from animi.core.measures.see_through import see_through_score
from animi.core.media.frames import to_tensor
from animi.core.media.image_files import read_image, write_png
from animi.core.reports import evaluation
from animi.core.reports.evaluation import Evaluation, Scored, evaluate

QUICK = ("--metrics", "psnr,ssim,line-distance,ghost,sharpness,smoothness,coherence,see-through")
SIZE = (112, 64)


@pytest.fixture(autouse=True)
def no_cache(tmp_path_factory, monkeypatch):
    """Neither weights on this machine nor a network: what a person offline has."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path_factory.getbasetemp() / "no-hub"))

    def fail(*_args, **_settings):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)


@pytest.fixture
def sequences(tmp_path, draw_disc):
    """Two sequences of five frames each: a disc that goes 2 px a frame, and one that goes 12."""
    for name, step in (("calm", 2), ("wild", 12)):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for k in range(5):
            write_png(folder / f"{k:03d}.png", draw_disc(20 + step * k, 32, SIZE, 14))
    return tmp_path / "data"


@pytest.fixture(scope="session")
def alex_weights(tmp_path_factory):
    """A file of the shapes of AlexNet's weights, with random numbers."""
    random = torch.Generator().manual_seed(0)
    layers = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
    weights = {}
    for number, (fan_out, fan_in, side) in layers.items():
        scale = (2 / (side * side * fan_in)) ** 0.5
        weights[f"features.{number}.weight"] = torch.randn(fan_out, fan_in, side, side, generator=random) * scale
        weights[f"features.{number}.bias"] = torch.zeros(fan_out)
    path = tmp_path_factory.mktemp("weights") / "alex.safetensors"
    save_file(weights, path)
    return path


def read_frames(folder):
    return [read_image(path) for path in sorted(folder.glob("*.png"))]


def judge(animi, *words):
    result = animi("evaluate", *words, "--json", "-")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), result.stderr


# What it finds


def test_figures_are_those_of_the_metrics_on_what_the_engines_draw(animi, sequences):
    found, said = judge(animi, "flow", "blend", sequences, *QUICK)
    assert said == ""
    assert [row["name"] for row in found["sequences"]] == ["calm", "wild"]
    for row in found["sequences"]:
        frames = read_frames(sequences / row["name"])
        assert (row["frames"], row["width"], row["height"]) == (5, *SIZE)
        for engine in ("flow", "blend"):
            drawn = list(interpolate([frames[0], frames[-1]], 5, engine=engine))
            pairs = list(zip(drawn[1:-1], frames[1:-1], strict=True))
            means = row["means"][engine]
            assert means["psnr"] == pytest.approx(fmean(metrics.psnr(*pair) for pair in pairs))
            assert means["ssim"] == pytest.approx(fmean(metrics.ssim(*pair) for pair in pairs))
            assert means["line_distance"] == pytest.approx(fmean(metrics.line_distance(*pair) for pair in pairs))
            assert means["sharpness"] == pytest.approx(fmean(metrics.sharpness(*pair) for pair in pairs))
            ghost = fmean(metrics.ghost_score(one, frames[0], frames[-1]) for one in drawn[1:-1])
            assert means["ghost"] == pytest.approx(ghost)
            keys = KeyPatches(frames[0], frames[-1])
            doubled = fmean(see_through_score(one, keys) for one in drawn[1:-1])
            assert means["see_through"] == pytest.approx(doubled)
            assert means["coherence"] == pytest.approx(fmean(coherence(one, keys) for one in drawn[1:-1]))
            assert row["truth"]["coherence"] == pytest.approx(fmean(coherence(one, keys) for one in frames[1:-1]))
            assert means["smoothness"] == pytest.approx(metrics.StepMotion(frames).smoothness(drawn))
            rows = row["in_betweens"][engine]
            assert [value["psnr"] for value in rows] == pytest.approx([metrics.psnr(*pair) for pair in pairs])
    calm = found["sequences"][0]["means"]
    assert calm["flow"]["psnr"] > calm["blend"]["psnr"] + 5
    assert calm["flow"]["ghost"] < 0.3 < calm["blend"]["ghost"]
    assert calm["flow"]["see_through"] < 0.1 < 0.5 < calm["blend"]["see_through"]
    assert calm["flow"]["coherence"] < calm["blend"]["coherence"] / 2
    assert calm["flow"]["smoothness"] > 0.8 > 0.2 > calm["blend"]["smoothness"]


def test_sequences_are_grouped_by_how_far_things_move(animi, sequences):
    found, _ = judge(animi, "blend", sequences, *QUICK)
    calm, wild = found["sequences"]
    assert calm["motion"] == pytest.approx(4 * 2, rel=0.05)
    assert wild["motion"] == pytest.approx(4 * 12, rel=0.05)
    groups = {group["group"]: group for group in found["groups"]}
    assert groups["all"]["sequences"] == 2
    assert groups["motion 24 to 64 px"]["sequences"] == 1
    assert groups["motion 24 to 64 px"]["means"]["blend"]["psnr"] == wild["means"]["blend"]["psnr"]
    both = [row["means"]["blend"]["line_distance"] for row in (calm, wild)]
    assert groups["all"]["means"]["blend"]["line_distance"] == pytest.approx(fmean(both))
    assert groups["all"]["means"]["blend"]["line_distance_median"] == pytest.approx(median(both))
    assert sum(group["sequences"] for name, group in groups.items() if name != "all") == 2


def test_motion_that_is_known_is_taken_and_scaled_with_the_frames(animi, sequences):
    np.savez(sequences / "calm" / "truth.npz", forward=np.full((SIZE[1], SIZE[0], 2), (30, 40), np.float32))
    found, _ = judge(animi, "blend", sequences, "--metrics", "psnr")
    assert (found["sequences"][0]["motion"], found["sequences"][0]["motion_is_exact"]) == (50, True)
    assert found["sequences"][1]["motion_is_exact"] is False
    found, _ = judge(animi, "blend", sequences, "--metrics", "psnr", "--size", 56)
    assert found["sequences"][0]["motion"] == 25
    assert (found["sequences"][0]["width"], found["sequences"][0]["height"]) == (56, 32)


class Keeper(nn.Module):
    """Draws the first frame over and over."""

    multiple = 16

    def prepare(self, first, last):
        return first

    def render(self, pair, t):
        return pair


def test_networks_are_judged_beside_engines_and_told_apart_by_name(animi, sequences, tmp_path, monkeypatch):
    run = tmp_path / "blend"
    run.mkdir()
    (run / "best.safetensors").write_bytes(b"read by nobody here")
    (run / "config.json").write_text("{}")
    monkeypatch.setattr(
        "animi.core.engines.network.load_checkpoint",
        lambda path, device: (Keeper(), type("Header", (), {"architecture": "keeper"})),
    )
    found, _ = judge(animi, run, "blend", sequences, "--metrics", "psnr,smoothness")
    assert list(found["engines"]) == ["blend (network)", "blend"]
    assert found["engines"]["blend (network)"] == {"engine": "keeper", "checkpoint": str(run / "best.safetensors")}
    frames = read_frames(sequences / "wild")
    means = found["sequences"][1]["means"]["blend (network)"]
    assert means["psnr"] == pytest.approx(fmean(metrics.psnr(frames[0], truth) for truth in frames[1:-1]))


# What it is given


def film(draw_disc, count=14):
    return [draw_disc(14 + 3 * k, 24, (96, 48), 9) for k in range(count)]


def test_films_are_cut_into_clips_that_differ_and_are_the_same_for_a_seed(tmp_path, draw_disc):
    frames = film(draw_disc)
    folder = tmp_path / "film"
    folder.mkdir()
    for k, frame in enumerate(frames):
        write_png(folder / f"{k:02d}.png", frame)
    settings = {"clips": 4, "length": 5, "size": 32}
    found, notes = find_sequences([folder], **settings, seed=1)
    assert notes == []
    names = [sequence.name for sequence in found]
    assert len(set(names)) == 4
    for sequence in found:
        first, last = map(int, re.fullmatch(r"film (\d+)-(\d+)", sequence.name).groups())
        assert last - first == 4
        truth = [
            cv2.resize(frames[k][:, 24:72], (32, 32), interpolation=cv2.INTER_AREA) for k in range(first, last + 1)
        ]
        drawn = sequence.read().frames
        assert [frame.shape for frame in drawn] == [(32, 32, 3)] * 5
        for one, other in zip(drawn, truth, strict=True):
            assert metrics.psnr(one, other) > 28
    assert [s.name for s in find_sequences([folder], **settings, seed=1)[0]] == names
    assert [s.name for s in find_sequences([folder], **settings, seed=2)[0]] != names
    found, notes = find_sequences([folder], **settings | {"clips": 50})
    assert len(found) == 10  # that begin at 0 to 9
    assert notes == ["only 10 different clips were found, of 50 that were asked for"]


def test_a_frame_store_and_short_folders_go_together(tmp_path, draw_disc, sequences):
    frames = film(draw_disc)
    with FrameStoreWriter(tmp_path / "store", *frames[0].shape[:2]) as writer:
        for k, frame in enumerate(frames):
            writer.append(frame, {"shot": k // 7})
    assert len(FrameStore.open(tmp_path / "store")) == 14
    short = tmp_path / "data" / "short"
    short.mkdir()
    write_png(short / "0.png", frames[0])
    found, notes = find_sequences([sequences, tmp_path / "store"], clips=3, length=6, stride=1)
    assert [sequence.name for sequence in found[:2]] == ["calm", "wild"]
    assert len(found) == 5
    for sequence in found[2:]:
        first, last = map(int, re.fullmatch(r"store (\d+)-(\d+)", sequence.name).groups())
        assert last == first + 5 and first // 7 == last // 7  # no clip crosses the cut
    assert notes[0] == "short: has 1 frames and nothing between its ends, and was left out"


# What it needs


def test_offline_what_needs_weights_is_left_out_with_the_remedy(animi, sequences):
    result = animi("evaluate", "blend", sequences)
    assert result.exit_code == 0, result.output
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(
        "animi: LPIPS is left out: AlexNet's weights are not on this machine; give a file of them"
    )
    assert "--alex-weights" in lines[0] and "--vgg-weights" in lines[0] and "--download" in lines[0]
    assert lines[1].startswith("animi: KID, FID, precision and recall are left out: VGG16's weights are not on this")
    assert "LPIPS" not in result.stdout and "KID" not in result.stdout
    assert "PSNR" in result.stdout


def test_only_what_is_asked_for_is_missed(animi, sequences):
    result = animi("evaluate", "blend", sequences, "--metrics", "psnr")
    assert result.stderr == ""
    assert result.stdout.splitlines()[0].split() == ["PSNR"]


def test_a_download_is_told_of_and_a_failed_one_leaves_the_figure_out(animi, sequences, monkeypatch):
    def fail(*_args, **_settings):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    found, said = judge(animi, "blend", sequences, "--metrics", "psnr,lpips", "--download")
    assert "fetching AlexNet's weights (233 MB) from https://" in said
    assert found["left_out"]["lpips"].startswith(
        "LPIPS is left out: AlexNet's weights could not be downloaded (no network)"
    )
    assert "lpips" not in found["sequences"][0]["means"]["blend"]


def test_without_the_package_lpips_is_left_out(animi, sequences, alex_weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "lpips", None)
    found, _ = judge(animi, "blend", sequences, "--metrics", "psnr,lpips", "--alex-weights", alex_weights)
    assert found["left_out"]["lpips"].endswith("install it: pip install 'animi[evaluate]'")


def test_weights_that_were_named_and_are_not_alexnets_stop_it(animi, sequences, tmp_path):
    save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "other.safetensors")
    result = animi("evaluate", "blend", sequences, "--alex-weights", tmp_path / "other.safetensors")
    assert result.exit_code == 1
    assert "other.safetensors: " in result.stderr and "AlexNet" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.filterwarnings("ignore::UserWarning")  # of torchvision, about how the authors call it
def test_lpips_is_the_authors_with_the_weights_that_were_given(alex_weights, draw_disc):
    from lpips import LPIPS
    from safetensors.torch import load_file

    given = load_file(alex_weights)
    theirs = LPIPS(net="alex", pnet_rand=True, verbose=False)
    for name, tensor in theirs.net.named_parameters():
        tensor.data = given["features." + name.partition(".")[2]]  # slice2.3.weight is torchvision's features.3.weight
    a, b = draw_disc(20, 24, SIZE, 10), draw_disc(40, 24, SIZE, 10)
    tensors = [torch.from_numpy(x).permute(2, 0, 1)[None].float() / 127.5 - 1 for x in (a, b)]
    distance = PerceptualDistance("alex", alex_weights)
    with torch.no_grad():
        assert distance([a], [b]) == pytest.approx([theirs(*tensors).item()], rel=1e-5)
    assert distance([a, b], [a, a])[0] == 0
    assert math.isnan(distance([a[:20, :20]], [b[:20, :20]])[0])


def test_all_in_betweens_together_are_compared_by_features(animi, sequences, monkeypatch):
    def embed_plainly(encoder):
        return lambda images: nn.functional.adaptive_avg_pool2d(images, 6).flatten(1)

    monkeypatch.setattr(evaluation, "load_vgg", lambda weights, device: None)
    monkeypatch.setattr(evaluation, "embed_with_vgg", embed_plainly)
    found, _ = judge(animi, "flow", "blend", sequences, "--metrics", "features", "--vgg-weights", "any.safetensors")
    good, bad = found["sets"]["flow"], found["sets"]["blend"]
    assert set(good) == {"kid", "fid", "precision", "recall"}
    drawn, real = [], []
    for name in ("calm", "wild"):
        frames = read_frames(sequences / name)
        real += frames[1:-1]
        drawn += list(interpolate([frames[0], frames[-1]], 5, engine="blend"))[1:-1]
    features = [embed_plainly(None)(to_tensor(pictures)) for pictures in (drawn, real)]
    assert bad["kid"] == pytest.approx(metrics.kid(*features, paired=True))
    assert bad["fid"] == pytest.approx(metrics.fid(*features))
    assert (bad["precision"], bad["recall"]) == pytest.approx(metrics.precision_and_recall(*features))
    assert good["fid"] != bad["fid"]
    few, said = judge(
        animi, "blend", sequences / "calm", "--metrics", "features", "--vgg-weights", "any.safetensors", "--length", 5
    )
    assert few["sets"] == {}
    assert "3 in-betweens are too few; give 4 or more" in said


# What it writes


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.images, self.outside, self.sections, self.open = {}, [], [], []
        self.feed(text)
        assert self.open == [], "a tag is left open"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.outside += [v for name, v in attrs.items() if name in ("src", "href") and not v.startswith("data:")]
        if tag == "img":
            self.images[attrs["alt"]] = attrs["src"]
        if tag == "section":
            self.sections.append(attrs)
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_holds_every_strip_the_worst_first_and_needs_no_other_file(animi, sequences, tmp_path):
    page, numbers = tmp_path / "page.html", tmp_path / "numbers.json"
    result = animi("evaluate", "flow", "blend", sequences, *QUICK, "--html", page, "--json", numbers)
    assert result.exit_code == 0, result.output
    assert str(page) in result.stderr
    found = Page(page.read_text(encoding="utf-8"))
    assert found.outside == []
    expected = {
        f"{name}: {label}{end}"
        for name in ("calm", "wild")
        for label in ("truth", "flow", "blend")
        for end in ("", ", middle")
    }
    assert set(found.images) == expected
    frames = read_frames(sequences / "wild")
    for alt, truth in (("wild: truth, middle", frames[2]), ("wild: truth", np.hstack(frames))):
        kind, _, data = found.images[alt].partition(";base64,")
        assert kind == "data:image/webp"
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
        if alt.endswith("middle"):
            assert metrics.psnr(shown, truth) > 28
        else:
            assert shown.shape == (SIZE[1], 5 * SIZE[0] + 4 * 2, 3)
            for k, frame in enumerate(frames):
                assert metrics.psnr(shown[:, k * (SIZE[0] + 2) :][:, : SIZE[0]], frame) > 25
    rows = {row["name"]: row for row in json.loads(numbers.read_text())["sequences"]}
    ordered = [section["data-name"] for section in found.sections]
    off = [rows[name]["means"]["flow"]["line_distance"] for name in ordered]
    assert off == sorted(off, reverse=True)
    for section in found.sections:
        badness = json.loads(section["data-badness"])
        means = rows[section["data-name"]]["means"]
        assert badness["blend"]["psnr"] == pytest.approx(metrics.MOST_PSNR - means["blend"]["psnr"])
        assert badness["flow"]["sharpness"] == pytest.approx(abs(1 - means["flow"]["sharpness"]))


def test_the_table_tells_the_means_and_the_json_what_it_was_made_of(animi, sequences, tmp_path):
    numbers = tmp_path / "numbers.json"
    result = animi(
        "evaluate", "blend", sequences, "--metrics", "psnr,line-distance,ghost", "--json", numbers, "--seed", 5
    )
    found = json.loads(numbers.read_text(encoding="utf-8"))
    assert (found["format"], found["format_version"]) == ("animi evaluation", 1)
    assert found["settings"]["data"] == [str(sequences)] and found["settings"]["seed"] == 5
    assert (found["planned"], found["interrupted"], found["left_out"], found["sets"]) == (2, False, {}, {})
    means = found["groups"][0]["means"]["blend"]
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["PSNR", "line", "distance", "median", "ghost"]
    assert lines[1].split() == ["all,", "2", "sequences"]
    told = [f"{means['psnr']:.2f}", f"{means['line_distance'] * 1e5:.1f}", f"{means['line_distance_median'] * 1e5:.1f}"]
    assert lines[2].split() == ["blend", *told, f"{means['ghost']:.3f}"]
    truth = found["groups"][0]["means"]["truth"]
    assert lines[3].split() == ["truth", "–", "–", "–", f"{truth['ghost']:.3f}"]
    assert truth["ghost"] < means["ghost"]


def test_figures_that_cannot_be_told_are_null_and_do_not_spoil_the_means(animi, sequences, tmp_path):
    still = sequences / "still"
    still.mkdir()
    for k in range(5):
        write_png(still / f"{k}.png", np.full((*SIZE[::-1], 3), 90, np.uint8))
    found, _ = judge(animi, "blend", sequences, *QUICK)
    rows = {row["name"]: row["means"]["blend"] for row in found["sequences"]}
    assert rows["still"]["sharpness"] is None and rows["still"]["smoothness"] is None
    assert rows["still"]["psnr"] == metrics.MOST_PSNR
    mean = found["groups"][0]["means"]["blend"]["sharpness"]
    assert mean == pytest.approx(fmean(rows[name]["sharpness"] for name in ("calm", "wild")))


def test_after_ctrl_c_what_was_done_is_told_and_written(animi, sequences, tmp_path, monkeypatch):
    real = evaluation._score

    def score(sequence, *rest):
        if sequence.name == "wild":
            raise KeyboardInterrupt
        return real(sequence, *rest)

    monkeypatch.setattr(evaluation, "_score", score)
    result = animi("evaluate", "blend", sequences, *QUICK, "--json", tmp_path / "n.json", "--html", tmp_path / "p.html")
    assert result.exit_code == 130
    assert "interrupted; 1 of 2 sequences were done" in result.stderr
    found = json.loads((tmp_path / "n.json").read_text())
    assert found["interrupted"] and [row["name"] for row in found["sequences"]] == ["calm"]
    assert "interrupted: 1 of 2 sequences were done" in (tmp_path / "p.html").read_text()
    monkeypatch.setattr(evaluation, "_score", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    result = animi("evaluate", "blend", sequences, *QUICK, "--json", tmp_path / "none.json")
    assert result.exit_code == 130 and not (tmp_path / "none.json").exists()


def test_progress_counts_sequences_and_engines(sequences):
    seen = []
    config = EvaluateConfig(("flow", "blend", str(sequences)), metrics=("psnr",))
    evaluate(config, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


# What it rejects


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["flow"], 1, "no frames to evaluate on were given; name a folder"),
        (["data"], 1, "nothing to evaluate was given; name an engine (motion, flow, blend) or a checkpoint"),
        (
            ["flwo", "data"],
            1,
            "flwo: is no engine (motion, flow, blend), and no file or folder has that name; check it",
        ),
        (["flow", "empty"], 1, "holds neither images nor a frame store"),
        (["flow", "one"], 1, "holds no sequence of 3 frames or more"),
        (["flow", "uneven"], 1, "uneven: frame 1 is 16x16 and the first 24x16; make them one size"),
        (["flow", "spoilt"], 1, "truth.npz: holds no motion that can be read; remove it"),
        (["notes.txt", "data"], 1, "notes.txt: is damaged or no safetensors file"),
        (["flow", "data", "--json", "there.json"], 1, "there.json: exists already; add --overwrite"),
        (["flow", "data", "--html", "page.pdf"], 2, "--html: page.pdf is no page; give a name that ends in .html"),
        (["flow", "data", "--metrics", "psrn"], 2, "--metrics: 'psrn' is not known; give any of psnr, ssim"),
        (["flow", "data", "--length", 2], 2, "--length: 2 leaves nothing between the ends"),
        (["flow", "data", "--device", "abacus"], 2, "--device: 'abacus' is not known"),
    ],
)
def test_what_cannot_be_judged_is_told_in_a_line(animi, sequences, tmp_path, monkeypatch, words, code, message):
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "one", "uneven", "spoilt"):
        (tmp_path / name).mkdir()
    for name, sizes in {"one": [24], "uneven": [24, 16, 24], "spoilt": [24, 24, 24]}.items():
        for k, width in enumerate(sizes):
            write_png(tmp_path / name / f"{k}.png", np.full((16, width, 3), 9, np.uint8))
    (tmp_path / "spoilt" / "truth.npz").write_bytes(b"no")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "there.json").write_text("mine")
    result = animi("evaluate", *words)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert (tmp_path / "there.json").read_text() == "mine"


@pytest.mark.parametrize(
    "wrong",
    [
        {"clips": 0},
        {"stride": 0},
        {"size": 3},
        {"seed": -1},
        {"metrics": ()},
        {"json": Path("a.txt")},
    ],
)
def test_settings_are_rejected_by_the_name_of_their_flag(wrong):
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"^--{name}: .*give"):
        EvaluateConfig(("flow",), **wrong)


def test_the_best_of_a_column_is_marked_where_there_is_a_choice():
    from animi.core.reports.evaluation import MEASURES
    from animi.core.reports.results import find_best

    kinds = {measure.key: measure for measure in MEASURES}
    table = {"a": {"psnr": 30.0, "sharpness": 0.9}, "b": {"psnr": 20.0, "sharpness": 1.05}, "c": {"psnr": math.nan}}
    assert find_best(table, ["a", "b", "c"], kinds["psnr"]) == {"a"}
    assert find_best(table, ["a", "b", "c"], kinds["sharpness"]) == {"b"}
    assert find_best(table, ["a"], kinds["psnr"]) == frozenset()
    assert (
        find_best({"a": {"psnr": 30.001}, "b": {"psnr": 30.0}}, ["a", "b"], kinds["psnr"]) == frozenset()
    )  # told alike


def test_sequences_whose_motion_is_alike_make_one_group():
    def scored(motion):
        return Scored("s", 3, 8, 8, motion, False, {}, {"blend": {"psnr": 1.0}}, {}, {})

    found = Evaluation([], 2, [scored(9.0), scored(20.0)])
    assert [group.title for group in found.groups()] == ["all"]
    found.sequences.append(scored(8.0))
    found.sequences.append(scored(7.99))
    assert [(group.title, group.count) for group in found.groups()] == [
        ("all", 4),
        ("motion 0 to 8 px", 1),
        ("motion 8 to 24 px", 3),
    ]


def test_an_error_within_is_no_ctrl_c(sequences, monkeypatch):
    def fail(*_):
        raise InputError("x: is broken; mend it")

    monkeypatch.setattr(evaluation, "_score", fail)
    with pytest.raises(InputError):
        evaluate(EvaluateConfig(("blend", str(sequences)), metrics=("psnr",)))
