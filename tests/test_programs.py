"""Programs that we start: they end when they are done, when they are not wanted any more, and when we end."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from runpy import run_path

import pytest

from animi.core.errors import Ended, OutputError
from animi.core.programs import MOST_OUTPUT, Program, Programs, current_work, programs, run, within
from animi.core.read_ahead import read_ahead

STUBBORN = ("sh", "-c", "trap '' TERM INT; echo started; while :; do sleep 60 & wait; done")
patience = run_path(str(Path(__file__).with_name("patience.py")))["patience"]


def alive(pid):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def group(pid):
    """The processes of a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def gone(pid, seconds=2.0):
    """Waits until a group is gone."""
    until = time.monotonic() + patience(seconds)
    while group(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def test_what_is_done_tells_what_it_said():
    done = run(("sh", "-c", "echo out; echo words >&2; exit 3"), seconds=10, out=True)
    assert done == (3, b"out\n", b"words\n")


def test_only_so_much_is_kept_of_what_it_says():
    done = run(("sh", "-c", f"head -c {3 * MOST_OUTPUT} /dev/zero >&2"), seconds=20)
    assert done.code == 0 and len(done.stderr) == MOST_OUTPUT


def test_what_takes_too_long_is_ended():
    begin = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        run(STUBBORN, seconds=0.2)
    assert time.monotonic() - begin < patience(2)


def test_what_cannot_be_started_says_so(tmp_path):
    with pytest.raises(OutputError, match="cannot be started"):
        Program([str(tmp_path / "none")])


@pytest.mark.parametrize("command", [("sleep", "60"), STUBBORN])
def test_the_end_of_a_block_is_its_end_and_that_of_its_children(command):
    begin = time.monotonic()
    with Program(command, stdout=subprocess.PIPE) as program:
        if command is STUBBORN:
            assert program.process.stdout.readline() == b"started\n"
            time.sleep(0.1)
            assert len(group(program.process.pid)) == 2
    assert time.monotonic() - begin < patience(2) and gone(program.process.pid)


def test_a_piece_of_work_is_ended_from_another_thread():
    found = []

    def work():
        with programs() as mine:
            started.append(mine)
            with Program(STUBBORN) as program:
                found.append(program.process.pid)
                begun.set()
                with pytest.raises(Ended):
                    program.wait()
            with pytest.raises(Ended):
                Program(("sleep", "60"))
        found.append(current_work())

    started, begun = [], threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(patience(5))
    begin = time.monotonic()
    started[0].end()
    thread.join(20)
    assert not thread.is_alive() and time.monotonic() - begin < patience(2)
    assert gone(found[0]) and found[1] is not started[0]


def test_a_larger_piece_of_work_ends_its_parts():
    whole = Programs()
    part = Programs(whole)
    program = within(part, lambda: Program(("sleep", "60")))()
    whole.end()
    assert part.ended and gone(program.process.pid)
    assert Programs(whole).ended  # what is begun afterwards is not


def test_a_generator_that_runs_ahead_ends_with_its_programs():
    def lines():
        with Program(STUBBORN, stdout=subprocess.PIPE) as program:
            found.append(program.process.pid)
            while line := program.process.stdout.readline():
                yield line

    found = []
    ahead = read_ahead(lines(), 2)
    assert next(ahead) == b"started\n"
    begin = time.monotonic()
    ahead.close()
    assert time.monotonic() - begin < patience(2.5) and gone(found[0])


OWNER = """
import sys, time
from animi.core.programs import Program
program = Program(("sh", "-c", "trap '' TERM INT; sleep 60 & wait"))
print(program.process.pid, flush=True)
{then}
"""


@pytest.mark.parametrize(
    ("then", "number"),
    [
        ("time.sleep(60)", signal.SIGKILL),  # nothing of ours runs any more
        ("time.sleep(60)", signal.SIGINT),
        ("raise SystemExit(3)", None),
        ("import os; os._exit(3)", None),
        ("import os; pid = os.fork(); time.sleep(60)", signal.SIGKILL),  # a child of ours lives on
    ],
)
def test_they_end_with_us_in_whatever_way(then, number):
    owner = subprocess.Popen([sys.executable, "-c", OWNER.format(then=then)], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    pid = int(owner.stdout.readline())
    try:
        if number is not None:
            assert alive(pid)
            time.sleep(0.2)
            os.kill(owner.pid, number)
        owner.wait(5)
        assert gone(pid)
    finally:
        for left in (owner.pid, pid):
            with suppress(ProcessLookupError):
                os.killpg(left, signal.SIGKILL)
        owner.stdout.close()
