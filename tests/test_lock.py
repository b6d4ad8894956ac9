"""The one lock: who has a folder has it alone, and a second run says who that is."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from animi.core.errors import OutputError
from animi.core.lock import LOCK, locked, take_lock, try_lock, unlock

HOLDER = """
import sys, time
from pathlib import Path
from animi.core.lock import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    {then}
"""


def hold(folder, then="time.sleep(60)"):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER.format(then=then), str(folder)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"locked\n"
    return holder


def end(holder):
    holder.kill()
    holder.wait()
    holder.stdout.close()  # not read to its end: a child may have it too, and live on


def test_a_second_run_says_who_has_the_folder(tmp_path):
    holder = hold(tmp_path)
    try:
        with pytest.raises(OutputError) as caught, locked(tmp_path, named=tmp_path / "out.mp4", patience=0.1):
            pytest.fail("two at once")
    finally:
        end(holder)
    words = (
        rf"out\.mp4: another run \(process {holder.pid} on \S+, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\) is writing it"
    )
    assert re.search(words, str(caught.value)), caught.value


def test_a_dead_owner_has_it_no_more(tmp_path):
    holder = hold(tmp_path)
    end(holder)
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path, patience=0):
        assert str(os.getpid()) in (tmp_path / LOCK).read_text()
    assert not (tmp_path / LOCK).exists()


def test_a_child_that_outlives_its_owner_does_not_keep_it(tmp_path):
    holder = hold(tmp_path, "import os; pid = os.fork(); print(pid, flush=True) if pid else None; time.sleep(60)")
    child = int(holder.stdout.readline())
    try:
        end(holder)
        os.kill(child, 0)
        with locked(tmp_path, patience=10):  # the child lets go as soon as it runs, and lives a minute
            os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)


def test_who_waits_gets_it_when_it_is_let_go(tmp_path):
    holder = hold(tmp_path, "time.sleep(0.5)")
    begin = time.monotonic()
    with locked(tmp_path, patience=10):
        assert time.monotonic() - begin < 5
    holder.communicate()


def test_within_one_process_too(tmp_path):
    first = take_lock(tmp_path)
    assert try_lock(tmp_path) is None
    unlock(tmp_path, first)
    unlock(tmp_path, first)  # nothing happens
    second = try_lock(tmp_path)
    assert second is not None
    unlock(tmp_path, second)


def test_a_folder_that_its_owner_has_removed_is_another_one(tmp_path):
    """Who had opened the lock of the old folder must not think that it has the new one."""
    folder = tmp_path / "work"
    folder.mkdir()
    stale = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT)
    first = take_lock(folder, patience=0)
    (folder / LOCK).unlink()
    second = take_lock(folder, patience=0)  # a new file of that name
    assert try_lock(folder) is None
    unlock(folder, first)  # leaves the file of the other alone
    assert (folder / LOCK).exists() and try_lock(folder) is None
    unlock(folder, second)
    os.close(stale)


def test_the_lock_is_never_taken_through_a_link(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / LOCK).symlink_to(tmp_path / "precious")
    with pytest.raises(OSError):
        take_lock(tmp_path / "work", patience=0)
    assert (tmp_path / "precious").read_text() == "mine"


def test_no_words_of_a_lock_reach_the_terminal_raw(tmp_path):
    holder = hold(tmp_path)
    try:
        (tmp_path / LOCK).write_text("\x1b[31mred\n")
        with pytest.raises(OutputError) as caught, locked(tmp_path, patience=0):
            pass
    finally:
        end(holder)
    assert "\x1b" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("moment", [0, 1 << 32])
def test_a_lock_of_another_time_is_judged_by_its_owner_alone(tmp_path, moment):
    """The clock was set anew meanwhile: neither an old lock nor one from the future is let go, or kept, for that."""
    with locked(tmp_path):
        os.utime(tmp_path / LOCK, (moment, moment))
        with pytest.raises(OutputError, match=f"process {os.getpid()} on"):
            take_lock(tmp_path, patience=0.1)
    (tmp_path / LOCK).write_text("process 1 on another, since 2099-01-01 00:00:00")
    os.utime(tmp_path / LOCK, (moment, moment))
    with locked(tmp_path, patience=0.1):
        pass
