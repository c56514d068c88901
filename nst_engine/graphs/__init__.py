"""ONNX graphs: building ours, rewriting any; without torch."""

from nst_engine.errors import MissingDependencyError

try:
    import onnx  # noqa: F401
except ImportError as missing:
    raise MissingDependencyError(
        "pictures larger than a tile, models with a fixed size and making models need onnx, which cannot be imported "
        f"({missing}); type: pip install onnx"
    ) from missing
