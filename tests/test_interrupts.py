"""Ctrl-C and SIGTERM that are held back: sent to this very process."""

import signal
import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from animi.cli import main
from animi.core import interrupts
from animi.core.interrupts import held_back
from animi.core.media.codecs import CODECS
from animi.core.media.coding import plan_coding
from animi.core.media.encode import Encoder, write_video
from animi.core.media.film_sink import FilmWriter
from animi.core.media.film_source import open_film

FRAMES = np.random.default_rng(0).integers(0, 256, (8, 48, 64, 3)).astype(np.uint8)


def test_ctrl_c_waits_for_the_end_of_the_block():
    done = []
    with pytest.raises(KeyboardInterrupt), held_back():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # a slip of the finger
        done.append("all")
    assert done == ["all"]
    with pytest.raises(KeyboardInterrupt):  # as before the block
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(("number", "end"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_what_was_answered_comes_once(number, end):
    handler = signal.getsignal(signal.SIGTERM)
    done = []
    with held_back() as held:
        held.answer()
        signal.raise_signal(number)
        assert held.came == [number]
        with pytest.raises(end) as caught:
            held.answer()
        done.append("cleared up")
    assert done == ["cleared up"] and signal.getsignal(signal.SIGTERM) == handler
    if end is SystemExit:
        assert caught.value.code == 143


def test_a_block_within_another_shares_its_signals():
    """What waits between the two, such as a thread that reads ahead, asks the outer one."""
    with held_back() as outer:
        with held_back() as inner:
            signal.raise_signal(signal.SIGINT)
            assert outer.came == inner.came == [signal.SIGINT]
            with pytest.raises(KeyboardInterrupt):
                outer.answer()
        assert outer.answered
    with held_back() as later:
        assert later is not outer and not later.came


def test_who_presses_it_again_later_is_not_kept_waiting(monkeypatch):
    monkeypatch.setattr(interrupts, "_PATIENCE", 0.01)
    with held_back():
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.02)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_other_threads_never_see_any():
    seen = []

    def work():
        with held_back() as held:
            held.answer()
            seen.append(held.came)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [[]]


@pytest.mark.parametrize(
    ("raised", "end", "code"),
    [
        (KeyboardInterrupt(), SystemExit, 130),
        (SystemExit(143), SystemExit, 143),
        (ValueError(), RuntimeError, None),
        (None, RuntimeError, None),
    ],
)
def test_a_signal_in_the_midst_of_an_import_ends_as_any(monkeypatch, capsys, raised, end, code):
    def app():
        raise RuntimeError("Error calling __set_name__") from raised  # as Python 3.11 does where a class is made

    monkeypatch.setattr(main, "app", app)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(end) as caught:
            main.run()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert getattr(caught.value, "code", None) == code
    assert capsys.readouterr().err.startswith("animi: interrupted") == (code == 130)


@pytest.fixture
def coding(tmp_path):
    write_video(tmp_path / "film.mp4", iter(FRAMES), fps=Fraction(24), size=(64, 48))
    film = open_film(tmp_path / "film.mp4")
    rate = film.timing.rate
    return plan_coding(film, CODECS["h264"], rate, rate, crf=None, quick=True)


def test_an_encoder_that_is_just_being_started_leaves_no_file(coding, tmp_path, monkeypatch):
    start, begun, encoders = Encoder.__init__, threading.Event(), []

    def slowly(encoder, *words):
        start(encoder, *words)
        encoders.append(encoder)
        begun.set()
        time.sleep(0.3)  # the writer does not know it yet

    monkeypatch.setattr(Encoder, "__init__", slowly)
    with pytest.raises(KeyboardInterrupt), FilmWriter(coding, tmp_path, tmp_path / "out.mp4") as writer:
        writer.put(0, Fraction(0), FRAMES[0])
        assert begun.wait(10)
        raise KeyboardInterrupt
    assert [encoder._process.poll() is None for encoder in encoders] == [False]
    assert not list(tmp_path.glob("*.part"))


def test_ctrl_c_while_the_last_frames_are_encoded_leaves_no_file(coding, tmp_path, monkeypatch):
    finish, waits = Encoder.finish, threading.Event()

    def slowly(encoder):
        waits.set()
        time.sleep(0.5)
        finish(encoder)

    def answer():
        if waits.is_set():
            raise KeyboardInterrupt

    monkeypatch.setattr(Encoder, "finish", slowly)
    with pytest.raises(KeyboardInterrupt), FilmWriter(coding, tmp_path, tmp_path / "out.mp4", answer) as writer:
        writer.put(0, Fraction(0), FRAMES[0])
    assert waits.is_set() and not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.segment"))
