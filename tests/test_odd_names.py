"""Films of odd names, through the whole of every command that reads or writes films."""

import json
import os
import shutil
from pathlib import Path

import pytest

from animi.core.films import interpolation
from animi.core.films.work_folder import name_folder
from animi.core.media.decode import decode_video, probe_video
from animi.core.media.film_source import open_film

NAMES = {
    "spaces": " a  film ",
    "a hash": "a#b",
    "a percent": "100%",
    "an address": "a?b#c%20d&e=100%",
    "a pattern": "film%03d",
    "quotes and a shell's letters": 'it\'s "no" $HOME `ls` ; & | > <',
    "control characters": "two\nlines\rand\ta\x1b[31mred",
    "a dash": "-y",
    "an option": "--overwrite",
    "a dot": ".hidden",
    "a protocol": "file:b",
    "another protocol": "concat:a|b",
    "an address's beginning": "http:--host-film",
    "a drive and backslashes": "C:\\films\\b",
    "letters, composed and combining": "Mäuse-ねずみ-🐭-e\u0301",
    "brackets": "[red]a[red]{b}*",
    "a tilde": "~",
    "no UTF-8": b"caf\xe9".decode("utf-8", "surrogateescape"),
    "long": "n" * 240,
    "long letters": "ねずみ" * 26,
}
"""Letters whose place does not matter share a name; those that matter at the beginning of a name have one each."""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    from fractions import Fraction

    import numpy as np

    from animi.core.media.encode import write_video

    def draw(number):
        frame = np.full((48, 64, 3), (40, 90, 160), np.uint8)
        frame[16:32, 4 * number : 4 * number + 10] = (220, 30, 30)
        return frame

    path = tmp_path_factory.mktemp("odd") / "film.mp4"
    write_video(path, map(draw, range(12)), fps=Fraction(12), size=(64, 48))
    return path


@pytest.fixture
def say(animi):
    """Runs a command that must succeed; nothing that it says has a line break or a control character in it."""

    def run(*words):
        result = animi(*words)
        assert result.exit_code == 0, (result.output, result.exception)
        for line in result.stderr.splitlines():
            assert line.startswith(("animi: ", *"0123456789")) or ":" in line, result.stderr
            assert all(letter.isprintable() for letter in line), result.stderr
        return result.stdout

    return run


@pytest.mark.parametrize("kind", NAMES)
def test_a_film_of_an_odd_name(say, animi, film, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    name = NAMES[kind]
    source, smooth = f"./{name}.mp4", f"./{name}.smooth.mp4"
    if len(os.fsencode(smooth)) > 250:
        smooth = f"./{name}.mov"
    shutil.copy(film, source)
    # a whole film, stopped and resumed, from and to a name without a folder before it
    folder = name_folder(Path(smooth))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpolation, "_finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert animi("interpolate", "--engine", "blend", "-o", smooth, "--", source).exit_code == 130
    assert (folder / "film.json").is_file() and not Path(smooth).exists()
    told = json.loads(say("interpolate", "--engine", "blend", "--resume", "--json", "-o", smooth, "--", source))
    assert told["frames"] == 24 and os.fsencode(told["output"]) == os.fsencode(str(Path(smooth)))
    assert open_film(Path(smooth)).timing.count == 24 and not folder.exists()
    # extracted, and shown
    say("extract-frames", "-o", "frames", "--size", "32", "--", source)
    (frames,) = Path("frames").iterdir()
    assert len(list(frames.glob("*.png"))) == 12
    say("preview-clips", "--length", "3", "--rows", "2", "-o", f"./{name}.png", "--", str(frames))
    say("extract-frames", "-o", "packed", "--size", "32", "--packed", "--json", "--", source)
    # drawn
    words = ("--scene", "chase", "--seconds", "0.2", "--size", "32x24", "--fps", "10")
    for suffix in (".webm", ".gif", ""):
        say("draw-cartoon", *words, "--", f"./{name}{suffix}")
    assert len(list(decode_video(probe_video(Path(f"./{name}.webm"))))) == 2
    assert sorted(path.name for path in Path(name if name != "~" else "./~").iterdir()) == ["000.png", "001.png"]
    # key frames that lie in a folder of that name, with a film of that name as the result
    keys = sorted(Path(f"./{name}").iterdir())
    say("interpolate", "--engine", "blend", "-n", "3", "--overwrite", "-o", smooth, "--", *keys)
    assert len(list(decode_video(probe_video(Path(smooth))))) == 3
