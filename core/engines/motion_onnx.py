"""The motion network's three steps by ONNX Runtime: what draws on a CPU, without importing PyTorch.

The graphs (`core.graphs`) name the network's weights, which come from the same file as PyTorch's. Making the graphs
ready takes ONNX Runtime some tenths of a second, so it happens in the background, while key frames are read and a
motion is searched.
"""

import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ..devices import count_cores, import_onnxruntime
from ..errors import CheckpointError, DeviceError
from ..motion.grid import Array
from ..weights.find import MOTION_GRAPHS, MOTION_WEIGHTS, STEPS
from ..weights.header import read_header, read_weights
from .motion_base import BaseMotionEngine
from .motion_steps import FoundMotion, FoundWay

_LONG = {
    "cpu": "CPUExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""ONNX Runtime's names of its execution providers, by those of `config.choices.PROVIDERS`."""
_WHEELS = {"directml": "onnxruntime-directml", "coreml": "onnxruntime on macOS", "openvino": "onnxruntime-openvino"}
_STEP_OF = {"painter": "find_way", "decision": "decide"}
"""The steps that parts of the network belong to; all other parts belong to the first step."""
_ERRORS_ONLY = 3  # level of ONNX Runtime's log: its warnings do not help a person who draws


class OnnxSteps:
    """The three steps by ONNX Runtime."""

    def __init__(self, provider: str = "cpu", *, graphs: Path = MOTION_GRAPHS, weights: Path = MOTION_WEIGHTS) -> None:
        """Begins to make the graphs ready, in the background.

        Args:
            provider: one that `find_providers` finds.
            graphs: the folder of the three graphs.
            weights: the network's weights.
        """
        read_header(weights)  # raises an error where they are missing
        pool = ThreadPoolExecutor(1, "animi-graphs")
        self._sessions: Future[list[Any]] = pool.submit(_open_sessions, provider, graphs, weights)
        pool.shutdown(wait=False)

    def find_motion(self, first: Array, last: Array, given: Array | None) -> FoundMotion:
        """See `MotionSteps`; these graphs need a motion that is given."""
        assert given is not None
        both = (_to_planes(frame) for frame in (first, last))
        named = dict(zip(("first", "last"), both, strict=True))
        return FoundMotion(*self._run(0, named | {"given": np.ascontiguousarray(given)}))

    def find_way(self, motion: FoundMotion, t: float) -> FoundWay:
        """See `MotionSteps`."""
        parts = {name: np.ascontiguousarray(part) for name, part in motion._asdict().items() if name != "fine"}
        return FoundWay(*self._run(1, parts | {"t": np.array([t], np.float32)}))

    def decide(self, way: FoundWay, difference: Array) -> Array:
        """See `MotionSteps`."""
        (share,) = self._run(2, {"claim": way.claim, "difference": difference[None, None]})
        return np.asarray(share[0, 0])

    def wait(self) -> None:
        """Waits until the graphs are ready.

        Raises:
            CheckpointError: the weights cannot be read, or the graphs are missing or do not fit them.
            DeviceError: the provider cannot run them.
        """
        self._sessions.result()

    def _run(self, step: int, inputs: Mapping[str, Array]) -> list[Array]:
        found: list[Array] = self._sessions.result()[step].run(None, inputs)
        return found


def open_onnx_engine(provider: str = "auto", *, mixes: bool = False, arcs: bool = False) -> BaseMotionEngine:
    """Opens animi's own motion network as an engine.

    Args:
        provider: one of `config.choices.PROVIDERS`. "auto": the first that this ONNX Runtime has and that can run the
            network here, else the CPU; the engine's notes say what could not.
        mixes: whether warped frames are blended where they differ, instead of joined along a seam.
        arcs: whether pieces that turn keep their size on the way.

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
        steps = OnnxSteps(each)
        try:
            if each != "cpu":
                steps.wait()
            break
        except DeviceError as error:
            if provider != "auto":
                raise
            failed.append(str(error).removeprefix("--provider: "))
    engine = BaseMotionEngine(steps, mixes=mixes, arcs=arcs)
    engine.notes = tuple(f"{failure}; {'the CPU' if each == 'cpu' else each} draws instead" for failure in failed)
    return engine


def find_providers() -> list[str]:
    """The providers that this ONNX Runtime has, by names of `config.choices.PROVIDERS`; the CPU is the last."""
    onnxruntime = import_onnxruntime()

    there = set(onnxruntime.get_available_providers())
    return [*(name for name, long in _LONG.items() if long in there and name != "cpu"), "cpu"]


def count_threads() -> int:
    """The threads that ONNX Runtime uses: as many as PyTorch would, one for each core that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return count_cores()


def _open_sessions(provider: str, graphs: Path, weights: Path) -> list[Any]:
    onnxruntime = import_onnxruntime()

    values: dict[str, dict[str, Any]] = {step: {} for step in STEPS}
    for name, array in read_weights(weights).items():
        step = _STEP_OF.get(name.partition(".")[0], STEPS[0])
        values[step][name] = onnxruntime.OrtValue.ortvalue_from_numpy(array)
    sessions = []
    for step, its in values.items():
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = count_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # threads that wait for the next operator would take time from OpenCV's
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if provider == "directml":  # as its documentation asks for
            options.enable_mem_pattern = False
        options.add_external_initializers(list(its), list(its.values()))
        sessions.append(_open_session(onnxruntime, graphs / f"{step}.onnx", options, provider))
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
