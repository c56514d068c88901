"""From torch to ONNX, with a parity check; needs torch, onnx and onnxruntime."""

from nst_engine.environment import is_importable, needed

for _package in ("torch", "onnx"):
    with needed(f"exporting needs {_package}", "export"):
        if not is_importable(_package):
            raise ImportError
