"""The motion network's four steps by ONNX Runtime: what draws on a CPU, without importing PyTorch.

The graphs (`core.graphs`) name the network's weights, which come from the same file as PyTorch's. Making the graphs
ready takes ONNX Runtime some tenths of a second, so it happens in the background, while key frames are read and a
motion is searched.
"""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..devices import count_threads, import_onnxruntime
from ..errors import CheckpointError, DeviceError
from ..motion.grid import Array
from ..weights.find import MOTION_GRAPHS, MOTION_WEIGHTS, STEPS
from ..weights.header import read_header, read_weights
from .motion_base import BaseMotionEngine
from .motion_steps import Encoded, FoundMotion, FoundWay

_LONG = {
    "cpu": "CPUExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""ONNX Runtime's names of its execution providers, by those of `config.choices.PROVIDERS`."""
_WHEELS = {"directml": "onnxruntime-directml", "coreml": "onnxruntime on macOS", "openvino": "onnxruntime-openvino"}
_STEPS_OF = {
    "encoder.at_": ("encode",),
    "encoder.to_sixteenth.": ("encode",),
    "fine_context.": ("encode",),
    "fine_mark.": ("encode",),
    "fine.enter.bias": ("encode",),
    "fine.enter.weight": ("encode", "find_motion"),
    "painter.": ("find_way",),
    "decision": ("decide",),
}
"""The steps that use a weight, by how its name begins; all other weights are for `find_motion`."""
_ERRORS_ONLY = 3  # level of ONNX Runtime's log: its warnings do not help a person who draws


class _Features(NamedTuple):
    """What the first step gives to the second, by the graphs' names: of one frame, or of both."""

    quarter: Array
    fine_context: Array
    fine_mark: Array
    small: Array
    eighth: Array
    wide: Array


class OnnxSteps:
    """The four steps by ONNX Runtime."""

    def __init__(
        self,
        provider: str = "cpu",
        *,
        threads: int | None = None,
        graphs: Path = MOTION_GRAPHS,
        weights: Path = MOTION_WEIGHTS,
    ) -> None:
        """Begins to make the graphs ready, in the background.

        Args:
            provider: one that `find_providers` finds.
            threads: how many to use for a pair; None: as `count_threads` has it.
            graphs: the folder of the four graphs.
            weights: the network's weights.
        """
        # other providers' sessions may not be run in two threads at once
        self.threads = (threads or count_threads()) if provider == "cpu" else 1
        read_header(weights)  # raises an error where they are missing
        pool = ThreadPoolExecutor(1, "animi-graphs")
        self._sessions: Future[dict[str, Any]] = pool.submit(_open_sessions, provider, self.threads, graphs, weights)
        pool.shutdown(wait=False)

    def encode(self, frame: Array) -> Encoded:
        """See `MotionSteps`; one frame at a time, so that it does not matter which other frame it is drawn with."""
        return _Features(*self._run("encode", {"frame": _to_planes(frame)}))

    def find_motion(self, first: Encoded, last: Encoded, given: Array | None) -> FoundMotion:
        """See `MotionSteps`; these graphs need a motion that is given."""
        assert given is not None
        both = _Features(*(np.concatenate(parts) for parts in zip(first, last, strict=True)))
        found = self._run("find_motion", both._asdict() | {"given": np.ascontiguousarray(given)})
        flow, fine, visible, front, features = found
        return FoundMotion(flow, fine, visible, front, features, both.small)

    def find_way(self, motion: FoundMotion, t: float) -> FoundWay:
        """See `MotionSteps`."""
        parts = {name: np.ascontiguousarray(part) for name, part in motion._asdict().items() if name != "fine"}
        return FoundWay(*self._run("find_way", parts | {"t": np.array([t], np.float32)}))

    def decide(self, way: FoundWay, difference: Array) -> Array:
        """See `MotionSteps`."""
        (share,) = self._run("decide", {"claim": way.claim, "difference": difference[None, None]})
        return np.asarray(share[0, 0])

    def wait(self) -> None:
        """Waits until the graphs are ready.

        Raises:
            CheckpointError: the weights cannot be read, or the graphs are missing or do not fit them.
            DeviceError: the provider cannot run them.
        """
        self._sessions.result()

    def _run(self, step: str, inputs: Mapping[str, Array]) -> list[Array]:
        found: list[Array] = self._sessions.result()[step].run(None, inputs)
        return found


def open_onnx_engine(
    provider: str = "auto", *, mixes: bool = False, arcs: bool = False, at_once: int = 1
) -> BaseMotionEngine:
    """Opens animi's own motion network as an engine.

    Args:
        provider: one of `config.choices.PROVIDERS`. "auto": the first that this ONNX Runtime has and that can run the
            network here, else the CPU; the engine's notes say what could not.
        mixes: whether warped frames are blended where they differ, instead of joined along a seam.
        arcs: whether pieces that turn keep their size on the way.
        at_once: pairs that are prepared at the same time, which share the threads.

    Raises:
        DeviceError: this ONNX Runtime does not have it, or it cannot run here.
        CheckpointError: animi's weights or graphs are missing or damaged.
    """
    there = find_providers()
    if provider != "auto" and provider not in there:
        raise DeviceError(
            f"--provider: {provider} is not in this onnxruntime; found here: {', '.join(there)}; "
            f"install {_WHEELS[provider]} instead of it"
        )
    failed: list[str] = []
    for each in there if provider == "auto" else [provider]:
        shared = at_once if each == "cpu" else 1
        steps = OnnxSteps(each, threads=max(1, count_threads() // shared))
        try:
            if each != "cpu":
                steps.wait()
            break
        except DeviceError as error:
            if provider != "auto":
                raise
            failed.append(str(error).removeprefix("--provider: "))
    engine = BaseMotionEngine(steps, mixes=mixes, arcs=arcs, at_once=shared)
    engine.notes = tuple(f"{failure}; {'the CPU' if each == 'cpu' else each} draws instead" for failure in failed)
    return engine


def find_providers() -> list[str]:
    """The providers that this ONNX Runtime has, by names of `config.choices.PROVIDERS`; the CPU is the last."""
    onnxruntime = import_onnxruntime()

    there = set(onnxruntime.get_available_providers())
    return [*(name for name, long in _LONG.items() if long in there and name != "cpu"), "cpu"]


def _open_sessions(provider: str, threads: int, graphs: Path, weights: Path) -> dict[str, Any]:
    onnxruntime = import_onnxruntime()

    values: dict[str, dict[str, Any]] = {step: {} for step in STEPS}
    for name, array in read_weights(weights).items():
        value = onnxruntime.OrtValue.ortvalue_from_numpy(array)
        for step in next((steps for begin, steps in _STEPS_OF.items() if name.startswith(begin)), ("find_motion",)):
            values[step][name] = value
    sessions = {}
    for step, its in values.items():
        options = onnxruntime.SessionOptions()
        # the motion of a pair is found in one call; the other steps are called in several threads at the same time
        options.intra_op_num_threads = threads if step == "find_motion" else 1
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # threads that wait for the next operator would take time from OpenCV's
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if provider == "directml":  # as its documentation asks for
            options.enable_mem_pattern = False
        options.add_external_initializers(list(its), list(its.values()))
        sessions[step] = _open_session(onnxruntime, graphs / f"{step}.onnx", options, provider)
    return sessions


def _open_session(onnxruntime: Any, path: Path, options: Any, provider: str) -> Any:
    try:
        graph = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); install animi again") from error
    wanted = [_LONG[provider], *([] if provider == "cpu" else [_LONG["cpu"]])]
    try:
        session = onnxruntime.InferenceSession(graph, options, wanted)
    except Exception as error:  # its errors have no base of their own
        if provider != "cpu":
            raise DeviceError(f"--provider: {provider} cannot run the network here ({_first_line(error)})") from error
        reason = _first_line(error)
        raise CheckpointError(f"{path}: does not fit the weights ({reason}); install animi again") from error
    if _LONG[provider] not in session.get_providers():
        raise DeviceError(f"--provider: {provider} does not work on this machine")
    return session


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


def _to_planes(frame: Array) -> Array:
    """(H, W, 3) uint8 to (1, 3, H, W) float32 in [-1, 1]."""
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32) * np.float32(2 / 255) - 1
