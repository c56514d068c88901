"""What can run a stylizer: a family of backends per file. A further one is a file with a `FAMILY`, named here."""

from collections.abc import Mapping

from nst_engine.benchmark.backends import onnx_runtime, open_vino, opencv_dnn, torch_network
from nst_engine.benchmark.backends.backend import Backend

_FAMILIES: tuple[tuple[Backend, ...], ...] = (
    onnx_runtime.FAMILY,
    open_vino.FAMILY,
    opencv_dnn.FAMILY,
    torch_network.FAMILY,
)

#: By name, in the order in which they are measured.
BACKENDS: Mapping[str, Backend] = {backend.name: backend for family in _FAMILIES for backend in family}
