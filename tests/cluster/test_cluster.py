"""A Ray cluster of several nodes, on this machine: whatever fails, a film is the same bytes; other work likewise."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.config.jobs import BatchConfig, ClusterConfig
from animi.core.errors import ConfigError, InputError
from animi.core.films import segmenting
from animi.core.films.interpolation import interpolate_film
from animi.core.films.job import name_job
from animi.core.films.work_folder import name_folder

from ..films.two_shots import scene, write_film

ray = pytest.importorskip("ray")

from ray.cluster_utils import Cluster  # noqa: E402 (only where Ray is installed)

FAULTS = Path(__file__).with_name("faults")
SEGMENT = 12
HOST = "127.0.0.2"  # on the loopback; Ray takes 127.0.0.1 for another name of the address to the outside
ON_IT = ("--cluster", "auto")
LOCAL = {"include_dashboard": False, "node_ip_address": HOST, "object_store_memory": 100 << 20}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Three films of two shots, and what one machine makes of them."""
    folder = tmp_path_factory.mktemp("films")
    before, segmenting.SEGMENT = segmenting.SEGMENT, SEGMENT
    found = []
    for number in range(3):
        frames = [scene(10 + 3 * k + number) for k in range(20)] + [scene(80 - 3 * k, shot=1) for k in range(14)]
        film, whole = write_film(folder / f"{number}.mkv", frames), folder / f"whole {number}.mp4"
        interpolate_film(InterpolateFilmConfig(film, whole, engine="blend"))
        found.append((film, whole.read_bytes()))
    segmenting.SEGMENT = before
    return found


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    monkeypatch.setattr(segmenting, "SEGMENT", SEGMENT)  # of what this machine plans; workers are changed by FAULTS


class Nodes:
    """A cluster whose workers fail on purpose."""

    def __init__(self, cluster, faults):
        self.cluster, self.faults = cluster, faults
        self.nodes, self.orders = [], []

    def add(self, **more):
        self.nodes.append(self.cluster.add_node(num_cpus=1, **LOCAL, **more))

    def order(self, *names, delay=0.02):
        for path in self.faults.iterdir():
            path.unlink()
        (self.faults / "delay").write_text(str(delay))
        (self.faults / "segment").write_text(str(SEGMENT))
        for name in names:
            (self.faults / name).touch()

    def when(self, name, do):
        """Has something done as soon as a worker has begun a segment; nodes are added in the main thread only."""
        self.orders.append((self.faults / name, do))

    def watch(self):
        for order in [order for order in self.orders if order[0].exists()]:
            self.orders.remove(order)
            order[1]()


@contextmanager
def nodes(folder, count):
    """Starts a cluster: a head without room for tasks, and nodes with room for one each."""
    faults = folder / "faults"
    faults.mkdir()
    before = dict(os.environ)
    os.environ.update(
        ANIMI_TEST_FAULTS=str(faults),
        PYTHONPATH=os.pathsep.join([str(FAULTS), *(path for path in sys.path if path)]),
        RAY_USAGE_STATS_ENABLED="0",
        RAY_health_check_period_ms="1000",  # a node that is killed is given up after 10 s
        RAY_health_check_failure_threshold="10",
    )
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **LOCAL})
    found = Nodes(cluster, faults)
    found.order()
    try:
        for _ in range(count):
            found.add()
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR", _node_ip_address=HOST)
        yield found
    finally:
        ray.shutdown()
        cluster.shutdown()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with nodes(tmp_path_factory.mktemp("cluster"), 2) as found:
        yield found


def make(cluster, films, place, settings):
    from animi.core.cluster.films import draw_films

    place.mkdir(exist_ok=True)
    configs = [InterpolateFilmConfig(film, place / f"{k}.mp4", engine="blend") for k, (film, _) in enumerate(films)]
    states = []

    def follow(progress):
        states.append((progress.slots, progress.rate))
        cluster.watch()

    done = draw_films(configs, settings, follow)
    for film, config, (_, whole) in zip(done, configs, films, strict=True):
        assert film.stage == "done", (film.reason, film.failures)
        assert config.output.read_bytes() == whole
    assert sorted(path.name for path in place.iterdir()) == [config.output.name for config in configs]  # nothing else
    assert not list(Path(tempfile.gettempdir()).glob("animi-task-*"))
    return done, states


def test_films_at_once_with_a_worker_killed_one_that_hangs_and_a_node_lost(cluster, films, tmp_path):
    cluster.order("kill-1", "hang-2", delay=0.05)
    lost = cluster.nodes.pop()
    cluster.when("seen-3", lambda: cluster.cluster.remove_node(lost, allow_graceful=False))
    cluster.when("seen-4", cluster.add)  # and one that joins late
    done, states = make(cluster, films, tmp_path / "out", ClusterConfig("auto", time_limit=12))
    failures = sum((film.failures for film in done), start=done[0].failures.__class__())
    assert any("killed" in name or "lost" in name for name in failures), failures
    assert any("took longer than 12 s" in name for name in failures), failures
    assert max(rate for _, rate in states) > 0 and not cluster.orders  # one node was lost, and one has joined
    assert all(film.segments >= 4 and film.segments_done == film.segments for film in done)


def test_without_a_shared_folder_and_with_a_full_disk_on_one_node(cluster, films, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", small], capture_output=True).returncode:
        pytest.skip("needs leave to mount")
    try:
        cluster.order()
        cluster.add(env_vars={"TMPDIR": str(small)})
        done, _ = make(cluster, films[:1], tmp_path / "out", ClusterConfig("auto", send=True, tries=6))
        assert any("No space left" in name for name in done[0].failures), done[0].failures
        assert not list(small.glob("animi-task-*"))
        cluster.cluster.remove_node(cluster.nodes.pop(), allow_graceful=False)
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_parts_of_a_large_film_travel(cluster, films, tmp_path, monkeypatch):
    from animi.core.cluster import films as module

    cluster.order(delay=0)
    film = write_film(tmp_path / "long.mkv", [scene(10 + k % 70) for k in range(48)])
    interpolate_film(InterpolateFilmConfig(film, tmp_path / "whole.mp4", engine="blend"))
    parts = []
    cut = module.cut_part
    monkeypatch.setattr(module, "WHOLE", 0)
    monkeypatch.setattr(module, "cut_part", lambda *words: parts.append(words[3]) or cut(*words))
    done, _ = make(
        cluster, [(film, (tmp_path / "whole.mp4").read_bytes())], tmp_path / "out", ClusterConfig("auto", send=True)
    )
    assert len(parts) == done[0].segments >= 6 and not done[0].failures
    # a part that is unlike the film is noticed, and the whole film sent instead
    monkeypatch.setattr(module, "cut_part", lambda film, first, last, target: cut(film, first + 0.2, last, target))
    done, _ = make(
        cluster, [(film, (tmp_path / "whole.mp4").read_bytes())], tmp_path / "again", ClusterConfig("auto", send=True)
    )
    assert any("decodes differently" in name for name in done[0].failures), done[0].failures


def test_ctrl_c_keeps_what_is_drawn_and_resume_goes_on(cluster, films, tmp_path):
    from animi.core.cluster.films import draw_films

    cluster.order(delay=0.05)
    film, whole = films[0]
    config = InterpolateFilmConfig(film, tmp_path / "out.mp4", engine="blend")

    def interrupt(progress):
        if progress.films[0].segments_done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_films([config], ClusterConfig("auto"), interrupt)
    kept = sorted((name_job(config.output) / "segments").glob("*.segment"))
    assert len(kept) >= 2 and not config.output.exists() and not name_folder(config.output).exists()
    rejected = draw_films([config], ClusterConfig("auto"))[0]
    assert rejected.stage == "failed" and "add --resume" in rejected.reason
    other = draw_films([replace(config, resume=True, engine="flow")], ClusterConfig("auto"))[0]
    assert other.stage == "failed" and "other settings" in other.reason
    before = [path.stat().st_mtime_ns for path in kept]
    seen = []
    resumed = replace(config, resume=True)

    def look(_progress):
        seen.append([path.stat().st_mtime_ns for path in kept if path.exists()])

    done = draw_films([resumed], ClusterConfig("auto"), look)[0]
    assert done.stage == "done" and done.frames_resumed >= 2 * SEGMENT - 4 and seen[0] == before
    assert config.output.read_bytes() == whole and not name_job(config.output).exists()
    assert draw_films([resumed], ClusterConfig("auto"))[0].stage == "done"  # it is there already


def test_a_film_that_fails_does_not_stop_the_others(cluster, films, tmp_path, animi):
    cluster.order(delay=0)
    shutil.copy(films[0][0], tmp_path / "a.mkv")
    (tmp_path / "broken.mkv").write_bytes(films[1][0].read_bytes()[:300])
    (tmp_path / "films.csv").write_text(
        'input,output,options\nbroken.mkv,b.mp4,\na.mkv,a.mp4,"--engine blend"\nnone.mkv,c.mp4,--factor 3\n'
    )
    result = animi("batch", tmp_path / "films.csv", "--cluster", "auto")
    assert result.exit_code == 1, result.output
    assert result.stdout == f"{tmp_path / 'a.mp4'}\n" and "none.mkv: cannot be read" in result.stderr
    assert (tmp_path / "a.mp4").read_bytes() == films[0][1] and not (tmp_path / "b.mp4").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_numpy_does_not_compete_with_itself_for_the_cpus_of_a_task(cluster, monkeypatch):
    """Nodes that `ray start` has started have nothing of what the `animi` command sets for its own process."""
    from animi.core.cluster.pool import Answer, Pool, Task

    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    pool = Pool(ray, cpus=1, gpus=0, limit=60, tries=1, on_failure=lambda task, reason: None)
    pool.add(Task(0, lambda: Answer("", os.environ.get("OPENBLAS_NUM_THREADS")), tuple))
    ended = []
    while not ended:
        ended = pool.step()
    assert [each.value for each in ended] == ["1"]


def test_extraction_and_evaluation_are_those_of_one_machine(cluster, films, tmp_path, animi):
    cluster.order(delay=0)
    (tmp_path / "twin").mkdir()
    shutil.copy(films[1][0], tmp_path / "twin" / films[0][0].name)  # another film of the same name
    videos = (films[0][0], tmp_path / "twin" / films[0][0].name)
    words = ("extract-frames", *videos, "--packed", "--format", "none")
    here, there = (animi(*words, "-o", tmp_path / name, *more) for name, more in (("a", ()), ("b", ON_IT)))
    assert here.exit_code == there.exit_code == 0, there.output
    assert there.stdout == here.stdout.replace(f"{tmp_path}/a", f"{tmp_path}/b")
    trees = [
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("a", "b")
    ]
    assert trees[0] == trees[1] and len(trees[0]) > 8
    again = animi(*words, "-o", tmp_path / "b", *ON_IT)
    assert again.exit_code == 0 and again.stderr.count("complete already") == 2
    words = ("evaluate", "blend", "flow", tmp_path / "a", "--clips", 6, "--length", 5, "--size", 64)
    words = (*words, "--metrics", "psnr,ghost", "--json")
    here, there = (animi(*words, tmp_path / f"{name}.json", *more) for name, more in (("a", ()), ("b", ON_IT)))
    assert here.exit_code == there.exit_code == 0, there.output
    assert there.stdout == here.stdout
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()
    missing = animi("extract-frames", videos[0], tmp_path / "none.mkv", "-o", tmp_path / "c", *ON_IT)
    assert missing.exit_code == 1 and "none.mkv: 1 of 2 films could not be extracted" in missing.stderr


# Tables


def test_tables_of_films(tmp_path):
    from animi.core.cluster.batch import list_films, read_options

    table = tmp_path / "films.csv"
    table.write_bytes("\ufeffInput,Output,Options\nä.mkv,out/ä.mp4,--fps 24000/1001 --mix --range 1:05-1:30\n".encode())
    (found,) = list_films(BatchConfig(films=table, options="--engine flow"))
    assert found.film == tmp_path / "ä.mkv" and found.output == tmp_path / "out" / "ä.mp4"
    assert (found.engine, found.mix, str(found.fps), found.start, found.end) == ("flow", True, "24000/1001", 65, 90)
    for text, message in (
        ("a,b\n1,2\n", "its first line must be"),
        ("input,output\na.mkv\n", "line 2: needs an input and an output"),
        ("input,output,options\na.mkv,b.mp4,--resume\n", "is no option of a film"),
        ("input,output,options\na.mkv,b.mp4,--factor\n", "--factor: needs a value"),
        ("input,output,options\na.mkv,b.mp4,--factor x\n", "'x' is no"),
        ("input,output\na.mkv,b.gif\n", "is no film"),
        ("input,output\na.mkv,b.mp4\nc.mkv,b.mp4\n", "line 3: .*the output of two films"),
        ("input,output\n", "names no film"),
    ):
        table.write_text(text)
        with pytest.raises((ConfigError, InputError), match=message):
            list_films(BatchConfig(films=table))
    assert read_options("--preview=5s --loop", "x") == {"preview": 5.0, "loop": True}
    (tmp_path / "new").mkdir()
    (tmp_path / "b 10.avi").touch()
    (tmp_path / "b 9.mkv").touch()
    made = list_films(BatchConfig(films=tmp_path, output=tmp_path / "new"))
    assert [config.output.name for config in made] == ["b 9.mkv", "b 10.mp4"]


def test_addresses_and_a_missing_ray(animi, films, tmp_path, monkeypatch):
    words = ("interpolate", films[0][0], "-o", tmp_path / "out.mp4")
    if not ray.is_initialized():
        assert "is no address" in animi(*words, "--cluster", "http://x").stderr
    assert "goes with --cluster" in animi(*words, "--cpus", "2").stderr
    assert "needs a film's file" in animi(*words[:3], tmp_path / "x.gif", "--cluster", "local").stderr
    assert "does not go with --plan" in animi(*words, "--cluster", "local", "--plan", tmp_path / "job").stderr
    monkeypatch.setitem(sys.modules, "ray", None)
    result = animi(*words, "--cluster", "local")
    assert result.exit_code == 2 and "pip install 'animi[cluster]'" in result.stderr


LISTENERS = """
import os, subprocess
from animi.core.cluster.connection import connected
with connected("local") as ray:
    ray.get(ray.remote(lambda: os.getpid()).remote())  # a worker
    parents = dict(map(int, line.split()) for line in
                   subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout.splitlines())
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    held = set()
    for pid in family & parents.keys():
        try:
            held |= {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        except OSError:
            continue
    for name in ("tcp", "tcp6"):
        for row in list(open(f"/proc/net/{name}"))[1:]:
            words = row.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in held:
                print(words[1].split(":")[0])
"""
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_cluster_that_is_started_here_listens_on_the_loopback_alone():
    done = subprocess.run([sys.executable, "-c", LISTENERS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = done.stdout.split()
    assert len(found) >= 4 and set(found) <= LOOPBACK, found
