"""Training of single-pass networks: for given paintings from scratch, or one more style for an existing network.

Options need no torch; what does is imported when it is first used.
"""

from typing import TYPE_CHECKING, Any

from nst_engine.environment import needed
from nst_engine.training.options import TrainOptions

if TYPE_CHECKING:
    from nst_engine.training.checkpoint import Checkpoint, load_checkpoint
    from nst_engine.training.loop import TrainProgress
    from nst_engine.training.photos import find_photos
    from nst_engine.training.runs import add_style, train

__all__ = ["Checkpoint", "TrainOptions", "TrainProgress", "add_style", "find_photos", "load_checkpoint", "train"]

_MODULES = {
    "Checkpoint": "checkpoint",
    "TrainProgress": "loop",
    "add_style": "runs",
    "find_photos": "photos",
    "load_checkpoint": "checkpoint",
    "train": "runs",
}


def __getattr__(name: str) -> Any:
    """Import torch when training is first used.

    Raises:
        MissingDependencyError: It is not installed.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    with needed("training needs torch", "train"):
        import torch  # noqa: F401
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
