"""Films on a Ray cluster that is simulated on this machine: its cost, how it scales, and what it survives.

    python benchmarks/cluster.py overhead [--seconds 120] [--size 512x288] [--engine motion] [--delay 0]
    python benchmarks/cluster.py scaling [--nodes 1,2,4] [--delay 0.1]
    python benchmarks/cluster.py faults [--films 10]
    python benchmarks/cluster.py driver
    python benchmarks/cluster.py steps FILM

`overhead` makes a film with the one-machine command and with `--cluster` on as many CPUs, and compares the seconds and
the seconds of CPU. These are counted by a control group (version 1, needs root), as Ray's workers are no children.
`scaling` makes workers wait for a time at each frame, so that this machine's cores are no limit, and gives frames a
second while segments are drawn. `faults` draws several films at once, while nodes and workers are killed, hang, have a
full disk and join late, and compares every byte. `driver` counts the tasks that one driver can start and answer.
`steps` times planning, drawing and joining alone, for estimates.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.config.jobs import ClusterConfig, DrawConfig, JoinConfig

ROOT = Path(__file__).parents[1]
FAULTS = ROOT / "tests" / "cluster" / "faults"
HOST = "127.0.0.2"  # on the loopback; Ray takes 127.0.0.1 for another name of the address to the outside
LOCAL = {"include_dashboard": False, "node_ip_address": HOST, "object_store_memory": 200 << 20}


class Nodes:
    """A cluster on this machine whose workers can be made slow, and to fail."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        self.faults = folder / "faults"
        self.faults.mkdir()
        os.environ.update(
            ANIMI_TEST_FAULTS=str(self.faults),
            PYTHONPATH=os.pathsep.join([str(FAULTS), *(path for path in sys.path if path)]),
            RAY_USAGE_STATS_ENABLED="0",
            RAY_health_check_period_ms="1000",
            RAY_health_check_failure_threshold="10",
        )
        self.order()
        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **LOCAL})
        self.nodes: list[object] = []
        self.orders: list[tuple[Path, object]] = []

    def order(self, *names: str, delay: float = 0.0, segment: float = 240) -> None:
        """Sets how slow workers are, how long segments are, and what fails."""
        for path in self.faults.iterdir():
            path.unlink()
        (self.faults / "delay").write_text(str(delay))
        (self.faults / "segment").write_text(str(segment))
        for name in names:
            (self.faults / name).touch()

    def add(self, cpus: int = 1, **more: object) -> None:
        """Adds a node."""
        self.nodes.append(self.cluster.add_node(num_cpus=cpus, **LOCAL, **more))

    def lose(self) -> None:
        """Kills the oldest node."""
        self.cluster.remove_node(self.nodes.pop(0), allow_graceful=False)

    def after(self, name: str, do) -> None:
        """Calls `do` when a worker has begun a segment: in `watch`, as Ray adds nodes in the main thread only."""
        self.orders.append((self.faults / name, do))

    def watch(self, _progress) -> None:
        """Does what is due."""
        for order in [order for order in self.orders if order[0].exists()]:
            self.orders.remove(order)
            order[1]()


@contextmanager
def connected(folder: Path):
    import ray

    nodes = Nodes(folder)
    try:
        ray.init(address=nodes.cluster.address, log_to_driver=False, logging_level="ERROR", _node_ip_address=HOST)
        yield nodes
    finally:
        ray.shutdown()
        nodes.cluster.shutdown()


class CpuTime:
    """The CPU seconds of this process and all that it starts, by a control group."""

    def __init__(self) -> None:
        self._group = Path(f"/sys/fs/cgroup/cpuacct/animi-{os.getpid()}")
        try:
            self._group.mkdir()
            (self._group / "cgroup.procs").write_text(str(os.getpid()))
        except OSError:
            self._group = Path()

    def read(self) -> float:
        """Returns the seconds so far; nan if they cannot be counted."""
        return int((self._group / "cpuacct.usage").read_text()) / 1e9 if self._group != Path() else float("nan")


def draw_film(path: Path, seconds: float, size: str = "512x288") -> Path:
    words = ("draw-cartoon", path, "--seconds", seconds, "--size", size, "--overwrite")
    code = "from animi.cli.main import run; run()"
    subprocess.run([sys.executable, "-c", code, *map(str, words)], check=True, stdout=subprocess.DEVNULL)
    return path


def overhead(given: argparse.Namespace, folder: Path) -> None:
    """The one-machine command beside a cluster of one node with as many CPUs."""
    from animi.core.cluster.films import draw_films

    film = draw_film(folder / "film.mp4", given.seconds, given.size)
    cpu = CpuTime()
    code = "from animi.cli.main import run; run()"
    words = ("interpolate", film, "-o", folder / "one.mp4", "--engine", given.engine)
    cpus = len(os.sched_getaffinity(0))
    with connected(folder) as nodes:
        nodes.order(delay=given.delay)
        nodes.add(cpus=cpus)
        # the same waiting, if any; NumPy is imported for it before the command can set its threads
        env = os.environ | {"ANIMI_TEST_FAULTS_HERE": "1", "OPENBLAS_NUM_THREADS": "1"}
        before, begun = cpu.read(), time.monotonic()
        subprocess.run([sys.executable, "-c", code, *map(str, words)], check=True, env=env, stdout=subprocess.DEVNULL)
        alone = time.monotonic() - begun, cpu.read() - before
        print(f"one machine: {alone[0]:.1f} s, {alone[1]:.1f} s of CPU", flush=True)
        config = InterpolateFilmConfig(film, folder / "two.mp4", engine=given.engine)
        before, begun = cpu.read(), time.monotonic()
        (done,) = draw_films([config], ClusterConfig("auto", cpus=given.cpus or cpus))
        spread = time.monotonic() - begun, cpu.read() - before
        assert done.stage == "done", done.reason
    same = (folder / "one.mp4").read_bytes() == (folder / "two.mp4").read_bytes()
    print(f"cluster: {spread[0]:.1f} s, {spread[1]:.1f} s of CPU, {done.segments} segments; same bytes: {same}")
    print(f"overhead: {spread[0] / alone[0] - 1:+.1%} of the time, {spread[1] / alone[1] - 1:+.1%} of the CPU seconds")


def scaling(given: argparse.Namespace, folder: Path) -> None:
    """Frames a second of 1, 2, 4 nodes, each with room for one task, whose frames take a fixed time."""
    from animi.core.cluster.films import draw_films

    film = draw_film(folder / "film.mp4", given.seconds, "128x96")
    rates: dict[int, float] = {}
    counts = [int(count) for count in given.nodes.split(",")]
    with connected(folder) as nodes:
        nodes.order(delay=given.delay, segment=given.segment)
        for count in counts:
            while len(nodes.nodes) < count:
                nodes.add()
            # a first film, so that each node has a worker which has imported everything
            warm = InterpolateFilmConfig(film, folder / f"warm {count}.mp4", engine="blend", preview=given.seconds / 6)
            draw_films([warm], ClusterConfig("auto"))
            marks: list[tuple[float, int]] = []

            def follow(progress, marks=marks) -> None:
                if progress.films[0].stage == "drawing":
                    marks.append((time.monotonic(), progress.films[0].frames_done))

            begun = time.monotonic()
            config = InterpolateFilmConfig(film, folder / f"{count}.mp4", engine="blend")
            (done,) = draw_films([config], ClusterConfig("auto"), follow)
            assert done.stage == "done", done.reason
            whole = time.monotonic() - begun
            first = next(mark for mark in marks if mark[1] > 0)
            last = marks[-1]
            rates[count] = (last[1] - first[1]) / (last[0] - first[0])
            of_linear = rates[count] / rates[counts[0]] / count * counts[0]
            print(
                f"{count} nodes: {rates[count]:.2f} frames/s while drawing, {of_linear:.3f} of linear; "
                f"{done.frames} frames in {done.segments} segments, {whole:.1f} s with planning and joining",
                flush=True,
            )


def faults(given: argparse.Namespace, folder: Path) -> None:
    """Several films at once, and everything that can fail."""
    from animi.core.cartoon.films import draw_cartoon
    from animi.core.cluster.films import draw_films
    from animi.core.config.material import DrawCartoonConfig
    from animi.core.films import segmenting
    from animi.core.films.interpolation import interpolate_film

    segmenting.SEGMENT = 24  # of the films that this process makes, or plans in order to send them
    films = [folder / f"{k}.mp4" for k in range(given.films)]
    wholes = []
    for k, film in enumerate(films):
        draw_cartoon(DrawCartoonConfig(film, seconds=4 + k % 3, width=128, height=96, seed=k))
        interpolate_film(InterpolateFilmConfig(film, folder / f"whole {k}.mp4", engine="blend"))
        wholes.append((folder / f"whole {k}.mp4").read_bytes())
    small = folder / "small"
    small.mkdir()
    mounted = not subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", small]).returncode
    place = folder / "out"
    try:
        with connected(folder) as nodes:
            for send in (False, True):
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
                nodes.order("kill-1", "hang-2", "kill-4", "hang-5", delay=0.02, segment=24)
                for _ in range(2):
                    nodes.add()
                if mounted and send:
                    nodes.add(env_vars={"TMPDIR": str(small)})
                nodes.after("seen-3", nodes.lose)
                nodes.after("seen-6", nodes.add)
                configs = [
                    InterpolateFilmConfig(film, place / f"{k}.mp4", engine="blend") for k, film in enumerate(films)
                ]
                begun = time.monotonic()
                done = draw_films(configs, ClusterConfig("auto", send=send, time_limit=20, tries=8), nodes.watch)
                seconds = time.monotonic() - begun
                failures: dict[str, int] = {}
                for film in done:
                    for name, count in film.failures.items():
                        name = name.rpartition("(")[2].rstrip(")") if "No space" in name else name
                        failures[name] = failures.get(name, 0) + count
                same = [
                    film.stage == "done" and film.config.output.read_bytes() == whole
                    for film, whole in zip(done, wholes, strict=True)
                ]
                left = sorted(path.name for path in place.iterdir() if path.suffix != ".mp4")
                left += [path.name for path in Path(tempfile.gettempdir()).glob("animi-task-*")]
                print(f"{'sent' if send else 'shared folder'}: {sum(same)} of {len(same)} films are the same bytes,")
                print(f"  in {seconds:.0f} s; tried again: {failures}; left behind: {left or 'nothing'}", flush=True)
                while nodes.nodes:
                    nodes.lose()
    finally:
        if mounted:
            subprocess.run(["umount", "-l", small], check=False)


def driver(given: argparse.Namespace, folder: Path) -> None:
    """Tasks a second that one driver starts and answers, of tasks that do next to nothing."""
    import ray

    from animi.core.cluster.pool import Pool, Task
    from animi.core.cluster.worker import sweep

    with connected(folder) as nodes:
        nodes.add(cpus=2)
        pool = Pool(ray, cpus=1, gpus=0, limit=60, tries=1, on_failure=lambda task, reason: None)
        for count in (20, given.tasks):  # the first start the workers
            for number in range(count):
                pool.add(Task(number, sweep, lambda: ()))
            begun, done = time.monotonic(), 0
            while pool.busy:
                done += len(pool.step(0.2))
            seconds = time.monotonic() - begun
        print(f"{done} tasks in {seconds:.2f} s: {done / seconds:.0f} a second, two at a time")


def steps(given: argparse.Namespace, folder: Path) -> None:
    """Seconds and CPU seconds of planning, drawing and joining, and bytes of what lies in a job."""
    from animi.core.films.job import draw_job, join_job, plan_job

    cpu = CpuTime()
    config = InterpolateFilmConfig(given.film, folder / "out.mp4", engine=given.engine)

    def timed(name: str, work) -> None:
        before, begun = cpu.read(), time.monotonic()
        work()
        print(f"{name}: {time.monotonic() - begun:.1f} s, {cpu.read() - before:.1f} s of CPU", flush=True)

    timed("plan", lambda: plan_job(config, folder / "job"))
    timed("draw", lambda: draw_job(DrawConfig(folder / "job")))
    timed("join", lambda: join_job(JoinConfig(folder / "job")))
    sizes = {
        "film": given.film.stat().st_size,
        "plan": (folder / "job" / "plan.json").stat().st_size,
        "segments": sum(path.stat().st_size for path in (folder / "job" / "segments").glob("*.segment")),
        "new film": (folder / "out.mp4").stat().st_size,
    }
    print("bytes: " + ", ".join(f"{name} {size}" for name, size in sizes.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for work in (overhead, scaling, faults, driver, steps):
        command = commands.add_parser(work.__name__)
        command.set_defaults(work=work)
        command.add_argument("--engine", default="motion")
        command.add_argument("--delay", type=float, default=0.1 if work is scaling else 0.0)
        command.add_argument("--seconds", type=float, default=30 if work is scaling else 120)
        if work is overhead:
            command.add_argument("--size", default="512x288")
            command.add_argument("--cpus", type=float, default=0, help="CPUs of a task; 0: all of the node's")
        if work is scaling:
            command.add_argument("--nodes", default="1,2,4")
            command.add_argument("--segment", type=float, default=24)
        if work is faults:
            command.add_argument("--films", type=int, default=10)
        if work is driver:
            command.add_argument("--tasks", type=int, default=500)
        if work is steps:
            command.add_argument("film", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="animi-bench-") as folder, suppress(KeyboardInterrupt):
        given.work(given, Path(folder))


if __name__ == "__main__":
    main()
