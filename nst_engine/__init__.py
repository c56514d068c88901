"""Neural style transfer: any picture, painted in any style."""

from typing import TYPE_CHECKING, Any

from nst_engine.errors import (
    BusyError,
    CancelledError,
    ImageDecodeError,
    ImageEncodeError,
    ImageNotFoundError,
    ImageTooLargeError,
    InferenceError,
    MissingDependencyError,
    ModelChecksumError,
    ModelNotFoundError,
    ModelSpecError,
    NSTError,
    OptimizationError,
    OptionError,
    OutputError,
    ProviderUnavailableError,
    StyleNotFoundError,
    VideoDecodeError,
    VideoNotFoundError,
)
from nst_engine.version import __version__

if TYPE_CHECKING:
    from nst_engine.cancellation import CancelToken
    from nst_engine.client import AsyncClient, Client
    from nst_engine.image import Picture, load_image, save_image
    from nst_engine.limits import ImageLimits
    from nst_engine.optimization import OptimizeOptions, OptimizeResult, Progress, optimize, reconstruct
    from nst_engine.stylize.result import StylizeResult
    from nst_engine.stylize.style_embedding import StyleEmbedding
    from nst_engine.stylize.stylizer import Stylizer
    from nst_engine.video import FrameStylizer, StyleKeyframe, VideoOptions, VideoProgress, VideoResult, stylize_video

__all__ = [
    "AsyncClient",
    "BusyError",
    "CancelToken",
    "CancelledError",
    "Client",
    "FrameStylizer",
    "ImageDecodeError",
    "ImageEncodeError",
    "ImageLimits",
    "ImageNotFoundError",
    "ImageTooLargeError",
    "InferenceError",
    "MissingDependencyError",
    "ModelChecksumError",
    "ModelNotFoundError",
    "ModelSpecError",
    "NSTError",
    "OptimizationError",
    "OptimizeOptions",
    "OptimizeResult",
    "OptionError",
    "OutputError",
    "Picture",
    "Progress",
    "ProviderUnavailableError",
    "StyleEmbedding",
    "StyleKeyframe",
    "StyleNotFoundError",
    "StylizeResult",
    "Stylizer",
    "VideoDecodeError",
    "VideoNotFoundError",
    "VideoOptions",
    "VideoProgress",
    "VideoResult",
    "__version__",
    "load_image",
    "optimize",
    "reconstruct",
    "save_image",
    "stylize_video",
]

_AT_FIRST_USE = {
    "ImageLimits": "nst_engine.limits",
    "Picture": "nst_engine.image",
    "load_image": "nst_engine.image",
    "save_image": "nst_engine.image",
    "OptimizeOptions": "nst_engine.optimization",
    "OptimizeResult": "nst_engine.optimization",
    "Progress": "nst_engine.optimization",
    "optimize": "nst_engine.optimization",
    "reconstruct": "nst_engine.optimization",
    "CancelToken": "nst_engine.cancellation",
    "AsyncClient": "nst_engine.client",
    "Client": "nst_engine.client",
    "StyleEmbedding": "nst_engine.stylize.style_embedding",
    "StylizeResult": "nst_engine.stylize.result",
    "Stylizer": "nst_engine.stylize.stylizer",
    "FrameStylizer": "nst_engine.video",
    "StyleKeyframe": "nst_engine.video",
    "VideoOptions": "nst_engine.video",
    "VideoProgress": "nst_engine.video",
    "VideoResult": "nst_engine.video",
    "stylize_video": "nst_engine.video",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Import heavy modules (Pillow, torch) on first use."""
    if name not in _AT_FIRST_USE:
        raise AttributeError(f"module 'nst_engine' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_AT_FIRST_USE[name]), name)
