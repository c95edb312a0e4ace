"""An exported generator, run by onnxruntime; no torch."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.completion.network import check_outputs
from pipeline.export.inputs import drawn
from pipeline.export.sidecar import read_sidecar
from pipeline.runtime.extras import require_extra

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class OnnxNetwork:
    """A Network (pipeline/completion/network.py) from an .onnx file and its sidecar."""

    def __init__(self, path: Path, device: str = "auto", threads: int = 0) -> None:
        """`device`: cuda where it is asked for; auto is the CPU. `threads`: 0 means one a core.

        ValueError where the file, its sidecar or the device is not as it must be.
        """
        facts, self._signature = read_sidecar(path)
        if not self._signature.completes:
            raise ValueError(
                f"{path} makes up whole images from noise and completes none; of a generator of "
                f"recipe {facts.get('recipe')!r} which does complete, load the folder of weights "
                "instead (`scenefill export --format safetensors`)"
            )
        self._session = open_session(path, device, threads)
        self.image_size = self._signature.image_size
        self.recipe = str(facts.get("recipe"))

    def __call__(self, windows: np.ndarray, masks: np.ndarray, seed: int) -> np.ndarray:
        """See Network. Its noise is NumPy's, and not what torch draws by the same seed."""
        image = windows.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - 1
        mask = masks[:, None].astype(np.float32)
        random = np.random.default_rng(seed)
        size = self.image_size
        noise = {
            port.name: drawn(port, self._signature.shape_of(port, len(windows), size, size), random)
            for port in self._signature.noise
        }
        (output,) = self._session.run(None, {"image": image, "mask": mask, **noise})
        check_outputs(bool(np.isfinite(output).all()), self.recipe)
        levels = np.rint((output + 1) * np.float32(127.5)).clip(0, 255).astype(np.uint8)
        made: np.ndarray = np.ascontiguousarray(levels.transpose(0, 2, 3, 1))
        return made


def open_session(path: Path, device: str = "cpu", threads: int = 0) -> "InferenceSession":
    """`path` ready to run; see OnnxNetwork."""
    require_extra("export", "onnxruntime", what=f"{path}, an .onnx file,")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count() or 1
    options.inter_op_num_threads = 1
    onnxruntime.disable_telemetry_events()
    providers = _providers(device)
    session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    # It goes on without what it cannot start, with no more than a warning.
    if providers[0] not in session.get_providers():
        raise ValueError(
            f"device is {device!r}, but onnxruntime could not start {providers[0]}: name cpu, or "
            "check that its CUDA and cuDNN are those that onnxruntime-gpu was built for"
        )
    return session


def _providers(device: str) -> list[str]:
    if device in ("auto", "cpu"):
        return [CPU]
    if device != "cuda":
        raise ValueError(f"device is {device!r}, but an .onnx file runs on auto, cpu or cuda")
    import onnxruntime

    if CUDA not in onnxruntime.get_available_providers():
        raise ValueError(
            "device is 'cuda', but this onnxruntime has no CUDA: name cpu, or install "
            "onnxruntime-gpu in place of onnxruntime"
        )
    return [CUDA, CPU]
