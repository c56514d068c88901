"""Optimisation-based transfer: the picture itself is optimised (Gatys et al. 2015, arXiv:1508.06576).

Options and progress records need no torch; modules that do are imported on first use.
"""

from typing import TYPE_CHECKING, Any

from nst_engine.environment import needed
from nst_engine.optimization.options import OptimizeOptions
from nst_engine.optimization.progress import LossTerms, Progress, ProgressCallback

if TYPE_CHECKING:
    from nst_engine.optimization.transfer import OptimizeResult, optimize, reconstruct

__all__ = [
    "LossTerms",
    "OptimizeOptions",
    "OptimizeResult",
    "Progress",
    "ProgressCallback",
    "optimize",
    "reconstruct",
]


def __getattr__(name: str) -> Any:
    """Import torch when the transfer is first used.

    Raises:
        MissingDependencyError: It is not installed.
    """
    if name not in ("OptimizeResult", "optimize", "reconstruct"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needed("optimisation needs torch", "optimize"):
        import torch  # noqa: F401
    from nst_engine.optimization import transfer

    return getattr(transfer, name)
