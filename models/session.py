"""The only module that imports onnxruntime: one model, one thread, on the CPU.

One process for each core, with one thread each: two processes with two threads each were 2.5 times slower. Full graph
optimisation is worth a factor of 2 for CenterFace; batches gain nothing.
"""

from typing import Final, TypeAlias

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from schemas.errors import InputMissing

Tensor: TypeAlias = NDArray[np.float32]

_ERRORS_ONLY: Final = 3  # of onnxruntime's log levels: its warnings are about the model's author


class Session:
    """A loaded model with one input.

    Args:
        model: The ONNX file's bytes, already checked against its manifest.
        name: Its name in errors.

    Raises:
        InputMissing: onnxruntime cannot load the bytes.
    """

    def __init__(self, model: bytes, name: str) -> None:
        cv2.setNumThreads(
            1
        )  # OpenCV's own pool of threads would compete with the other workers of this machine
        try:
            self._session = onnxruntime.InferenceSession(
                model, sess_options=_options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no common class but this one
            raise InputMissing(f"{name}: onnxruntime cannot load it: {error}") from error
        self._input_name: str = self._session.get_inputs()[0].name
        self._output_names: list[str] = [output.name for output in self._session.get_outputs()]

    @property
    def metadata(self) -> dict[str, str]:
        """What the model's author wrote into the file, such as its dictionary."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, tensor: Tensor) -> dict[str, Tensor]:
        """Run the model once.

        Args:
            tensor: Its input, float32, of the shape in its manifest.

        Returns:
            Every output by name.
        """
        outputs = self._session.run(None, {self._input_name: tensor})
        return dict(zip(self._output_names, outputs, strict=True))


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_cpu_mem_arena = True
    options.log_severity_level = _ERRORS_ONLY
    return options
