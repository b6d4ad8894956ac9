"""The doubtful moments of films: what the page holds, that its commands work, and that they survive a resumed run."""

import html
import json
import re
import shlex
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.films import drawing, segmenting
from animi.core.films.drawing import PairDrawer
from animi.core.films.interpolation import interpolate_film
from animi.core.media.animation import write_animation
from animi.core.media.film_source import open_film

ENGINE = "flow"


@pytest.fixture
def film(tmp_path):
    """A disc that moves, beside a patch that changes its colours twice so that nothing matches."""
    colours = {
        0: ((30, 160, 60), (250, 250, 250)),
        5: ((240, 200, 40), (90, 20, 90)),
        14: ((20, 60, 200), (250, 120, 0)),
    }
    blotches = np.random.default_rng(7).uniform(60, 200, (15, 25, 3)).astype(np.float32)
    floor = np.clip(cv2.resize(blotches, (200, 120), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)
    frames = []
    for number in range(20):
        frame = floor.copy()
        cv2.circle(frame, (20 + 4 * number, 60), 14, (225, 40, 30), -1, cv2.LINE_AA)
        frame[46:74, 146:174], frame[54:66, 150:170] = colours[max(k for k in colours if k <= number)]
        frames.append(frame)
    path = tmp_path / "film.mp4"
    write_animation(path, frames, fps=Fraction(12))
    return path


def read_page(path):
    page = path.read_text(encoding="utf-8")
    commands = [shlex.split(html.unescape(found)) for found in re.findall("<code>(.*?)</code>", page)]
    return page, commands


def test_the_page_names_the_worst_moments_and_how_to_draw_them_again(animi, film, tmp_path):
    page = tmp_path / "doubt.html"
    words = ("interpolate", film, "--engine", ENGINE, "--factor", 4)
    result = animi(*words, "-o", tmp_path / "smooth.mp4", "--doubt", page, "--json")
    assert result.exit_code == 0, result.output
    worst = json.loads(result.stdout)["doubtful"]
    assert [each["doubt"] for each in worst] == sorted((each["doubt"] for each in worst), reverse=True)
    # the two changes of the patch, each once: it is the film's frames 4 to 5, and 13 to 14
    assert {int(each["time"] * 12) for each in worst[:2]} == {4, 13}
    text, commands = read_page(page)
    assert text.count("<img") == 3 * len(commands) == 3 * len(worst) and "--factor" in commands[0]
    command = [word if word != "moment-01.mp4" else str(tmp_path / word) for word in commands[0]]
    again = animi(*command[1:], "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["drawn"] >= 2
    assert open_film(tmp_path / "moment-01.mp4").timing.count < 12
    # frames are the same as without
    animi(*words, "-o", tmp_path / "plain.mp4")
    assert (tmp_path / "plain.mp4").read_bytes() == (tmp_path / "smooth.mp4").read_bytes()


def test_an_interrupted_run_and_its_resumption_know_as_much_as_one_run(film, tmp_path, monkeypatch):
    monkeypatch.setattr(segmenting, "SEGMENT", 8)
    config = InterpolateFilmConfig(film, tmp_path / "whole.mp4", engine=ENGINE, doubt=tmp_path / "whole.html")
    whole = interpolate_film(config)
    for stop in (9, 14, 27):

        def interrupt(done, total, stop=stop):
            if done == stop:
                raise KeyboardInterrupt

        output, page = tmp_path / f"part-{stop}.mp4", tmp_path / f"part-{stop}.html"
        config = InterpolateFilmConfig(film, output, engine=ENGINE, doubt=page, resume=True)
        with pytest.raises(KeyboardInterrupt):
            interpolate_film(config, interrupt)
        assert not page.exists()
        resumed = interpolate_film(config)
        assert resumed.doubtful == whole.doubtful and whole.doubtful
        assert page.read_text().replace(page.stem, "whole") == (tmp_path / "whole.html").read_text()


def test_a_resumed_run_measures_what_the_first_one_was_not_asked_for(film, tmp_path, monkeypatch):
    monkeypatch.setattr(segmenting, "SEGMENT", 8)
    settings = {"engine": "blend", "factor": Fraction(4)}
    whole = interpolate_film(
        InterpolateFilmConfig(film, tmp_path / "whole.mp4", doubt=tmp_path / "whole.html", **settings)
    )

    def interrupt(done, total):
        if done == 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interpolate_film(InterpolateFilmConfig(film, tmp_path / "part.mp4", **settings), interrupt)
    config = InterpolateFilmConfig(film, tmp_path / "part.mp4", doubt=tmp_path / "part.html", resume=True, **settings)
    times = []

    class Noting(PairDrawer):
        def prepare(self, *pair):
            prepared = super().prepare(*pair)
            return replace(prepared, draw=lambda moments: times.append(*moments) or prepared.draw(moments))

    monkeypatch.setattr(drawing, "PairDrawer", Noting)
    resumed = interpolate_film(config)
    assert resumed.resumed and resumed.doubtful == whole.doubtful and whole.doubtful
    assert 0 < len(times) - resumed.drawn <= resumed.resumed / 4  # of what is done, one frame for each pair


def test_a_film_has_a_page_only(animi, film, tmp_path):
    result = animi("interpolate", film, "-o", tmp_path / "out.mp4", "--doubt", tmp_path / "doubt.png")
    assert result.exit_code == 2 and "give a name that ends in .html" in result.stderr
