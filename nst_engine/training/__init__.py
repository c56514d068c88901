"""Training of single-pass networks: for given paintings from scratch, one more style for an existing one, or for any.

Options need no torch; modules that do are imported on first use.
"""

from typing import TYPE_CHECKING, Any

from nst_engine.environment import needed
from nst_engine.training.options import TrainOptions

if TYPE_CHECKING:
    from nst_engine.training.any_style import train_any
    from nst_engine.training.checkpoint import (
        AnyStyleCheckpoint,
        Checkpoint,
        any_style_of,
        load_any_style,
        load_checkpoint,
    )
    from nst_engine.training.loop import TrainProgress
    from nst_engine.training.photos import find_photos
    from nst_engine.training.runs import add_style, train

__all__ = [
    "AnyStyleCheckpoint",
    "Checkpoint",
    "TrainOptions",
    "TrainProgress",
    "add_style",
    "any_style_of",
    "find_photos",
    "load_any_style",
    "load_checkpoint",
    "train",
    "train_any",
]

_MODULES = {
    "AnyStyleCheckpoint": "checkpoint",
    "any_style_of": "checkpoint",
    "load_any_style": "checkpoint",
    "train_any": "any_style",
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
