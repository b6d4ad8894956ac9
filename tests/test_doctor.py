"""`animi doctor`: what a bug report needs, and nothing that is private."""

import json
import os
import stat
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from animi.core import doctor
from animi.core.media.codecs import CODECS


def test_it_finds_what_is_here(animi):
    done = animi("doctor", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["animi"] == version("animi") and found["python"].endswith(sys.version.split()[0])
    assert found["processors"] >= 1 and found["devices"][-1].startswith("cpu") and found["weights"]
    assert (
        set(found["codecs"]) == set(CODECS)
        and found["codecs"]["h264"] == "libx264"
        and found["codecs"]["ffv1"] == "ffv1"
    )
    by_name = {package["name"]: package for package in found["packages"]}
    assert by_name["numpy"]["found"] == version("numpy") and by_name["numpy"]["extra"] == ""
    assert by_name["uvicorn"]["extra"] == "studio" and "ruff" not in by_name
    assert found["problems"] == []


def test_it_says_it_in_words(animi):
    done = animi("doctor")
    assert done.exit_code == 0
    assert f"animi {version('animi')}" in done.stdout and "h264 (libx264)" in done.stdout and "ffmpeg: " in done.stdout


@pytest.mark.parametrize("words", [["doctor"], ["doctor", "--json"]])
def test_it_names_no_place_and_no_person(animi, words):
    out = animi(*words).stdout
    places = Path.home(), sys.prefix, Path.cwd(), Path(doctor.__file__).parent, os.uname().nodename
    for private in map(str, places):
        assert private not in out
    assert "/home" not in out and "/root" not in out and "/tmp" not in out


def test_what_is_missing_is_said_with_a_remedy(animi, monkeypatch):
    real = doctor.version
    gone = {"natsort", "uvicorn"}

    def find(name):
        if name in gone:
            raise doctor.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor, "version", find)
    done = animi("doctor")
    assert done.exit_code == 1
    assert "problem: natsort is missing: pip install natsort" in done.stdout
    assert "not installed: uvicorn (pip install animi[studio])" in done.stdout


@pytest.mark.parametrize("says", ["echo hello", "exit 1", None])
def test_an_ffmpeg_that_is_none(animi, monkeypatch, tmp_path, says):
    program = tmp_path / "private" / "ffmpeg"
    program.parent.mkdir()
    if says is not None:
        program.write_text(f"#!/bin/sh\n{says}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    done = animi("doctor")
    assert done.exit_code == 1 and "problem: " in done.stdout and "ffmpeg" in done.stdout
    assert "private" not in done.stdout
    assert "ffmpeg: none, chosen by IMAGEIO_FFMPEG_EXE" in done.stdout


def test_an_ffmpeg_with_few_codecs(animi, monkeypatch, tmp_path):
    program = tmp_path / "ffmpeg"
    program.write_text(
        '#!/bin/sh\ncase "$*" in\n*-version*) echo "ffmpeg version 6.1-lean Copyright";;\n'
        '*) echo " V..... ffv1 FFV1";;\nesac\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    done = animi("doctor", "--json")
    found = json.loads(done.stdout)
    assert found["ffmpeg"] == "6.1-lean" and found["codecs"]["ffv1"] == "ffv1" and found["codecs"]["h264"] is None
    assert any("cannot encode h264" in problem for problem in found["problems"])


def test_errors_are_told_without_their_paths(monkeypatch):
    error = OSError(f"{Path.home()}/lib/libcudart.so: cannot open /usr/lib/private/x.so here")
    told = doctor._words(error)
    assert str(Path.home()) not in told and "/usr" not in told and "x.so" in told
