"""From torch to ONNX, with a parity check; needs torch, onnx and onnxruntime."""

import importlib.util

from nst_engine.errors import MissingDependencyError

for _package in ("torch", "onnx"):
    if importlib.util.find_spec(_package) is None:
        raise MissingDependencyError(
            f"exporting needs {_package}, which is not installed; type: pip install 'nst-engine[export]'"
        )
