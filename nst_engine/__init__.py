"""Neural style transfer: any picture, painted in any style."""

from nst_engine.version import __version__

__all__ = ["__version__"]
