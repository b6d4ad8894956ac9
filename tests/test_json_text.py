"""JSON that somebody else wrote: every reader ends in one line, whatever it holds."""

import json
import os

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from animi.core.errors import AnimiError
from animi.core.json_text import MOST_DEPTH, parse_json, parse_object, read_json
from animi.core.material.frame_store import FrameStore, FrameStoreWriter, read_records
from animi.core.training.metrics_file import read_metrics
from animi.core.training.run_settings import read_run_config
from animi.core.training.state import read_state

DEEP = "[" * 60_000 + "]" * 60_000
DEEP_WITHIN = '{"a": ' + "[" * 500 + "]" * 500 + "}"
BAD = {"deep": DEEP, "deep within": DEEP_WITHIN, "long number": '{"step": ' + "1" * 4000 + "}", "no object": "3"}


@pytest.mark.parametrize("text", [DEEP, DEEP_WITHIN, "1" * 5000, "{", "\ud800".encode("utf-8", "surrogatepass"), ""])
def test_what_cannot_be_used_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


def test_what_can_be_used_comes_back(tmp_path):
    held = {"a": [1, 2.5, None, {"b": "ä"}], "state": 2**127}
    assert parse_object(json.dumps(held)) == held
    (tmp_path / "a.json").write_text(json.dumps(held))
    assert read_json(tmp_path / "a.json") == held
    fits = "[" * MOST_DEPTH + "]" * MOST_DEPTH
    assert json.dumps(parse_json(fits)) == fits
    with pytest.raises(ValueError, match="nested"):
        parse_json(f"[{fits}]")


def test_a_pipe_without_an_end_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(ValueError, match="no file of JSON"):
        read_json(tmp_path / "pipe.json")


@pytest.mark.parametrize("bad", BAD)
def test_runs_and_stores_end_in_one_line(tmp_path, bad):
    text = BAD[bad]
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "metrics.jsonl").write_text(text + '\n{"step": 1}\n')
    (tmp_path / "frames.jsonl").write_text(text + "\n")
    for read in (read_run_config, read_metrics):
        with pytest.raises(AnimiError) as caught:
            read(tmp_path)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    if bad != "long number":
        with pytest.raises(AnimiError, match="line 1 is no JSON object"):
            read_records(tmp_path / "frames.jsonl")
    header = {"format": "animi-state", "format_version": "1", "step": "1", "settings": text}
    save_file({"a": torch.zeros(1)}, tmp_path / "1.state.safetensors", header)
    with pytest.raises(AnimiError, match="header is damaged"):
        read_state(tmp_path / "1.state.safetensors")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"height": 10**30}, "was cut short: 0 of 1 frames are there"),
        ({"height": 10**30, "count": None}, "has no height, width and count that can be used"),
        ({"width": 65_536, "count": None}, "has no height, width and count that can be used"),
        ({"height": 1e30}, "has no height, width and count that can be used"),
        ({"count": 10**30}, "has no height, width and count that can be used"),
    ],
)
def test_a_store_larger_than_frames_may_be_is_damaged(tmp_path, change, words):
    with FrameStoreWriter(tmp_path / "store", 8, 8) as store:
        store.append(np.zeros((8, 8, 3), np.uint8), {})
    header = next((tmp_path / "store").glob("*.json"))
    header.write_text(json.dumps(json.loads(header.read_text()) | change))
    with pytest.raises(AnimiError, match=words):
        FrameStore.open(tmp_path / "store")
