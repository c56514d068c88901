"""What is measured: the options of each form of `nst bench`, with their limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nst_engine.errors import OptionError
from nst_engine.options import Size, check_options, option, size
from nst_engine.runtimes.devices import Precision
from nst_engine.stylize.style_mix import weighted_file

_SECONDS = (0.0, 3600.0)
_THREADS = (1, 1024)


@dataclass(frozen=True, kw_only=True)
class StylizeBench:
    """One pass, by each backend at each size.

    Attributes:
        backends: Their names; empty: all that can be used here.
        model: As for `nst_engine.Stylizer`; None: `bundled:live`, with style images `bundled:any-fast`.
        style: As `nst_engine.stylize.style_mix.parse_style_mix` reads it; None: the model's first.
        style_images: Files and their weights, for a model for any style.
        sizes: Width and height of the pictures, px.
        batch: Pictures in a run.
        threads: Number of CPU threads; None: as many as may be used.
        precision: Of the convolutions; None: float32, and where a backend chooses by itself, its own choice.
        seconds: For each row, after the warm-up.

    Raises:
        OptionError: An invalid value.
    """

    backends: tuple[str, ...] = option(
        (), "this one, or an error; repeatable (default: all that run here)", metavar="NAME", read=str, flag="--backend"
    )
    model: str | None = option(
        None, "what runs (default: bundled:live; with --style-image bundled:any-fast)", metavar="NAME|FILE"
    )
    style: str | None = option(None, "that the model holds (default: its first)", metavar="NAME[:W,...]")
    style_images: tuple[tuple[str, float], ...] = option(
        (),
        "any picture as the style; repeatable",
        metavar="FILE[:W]",
        read=weighted_file,
        flag="--style-image",
    )
    sizes: tuple[Size, ...] = option(
        ((512, 512),), "of the pictures, px", metavar="WxH", read=size, is_list=True, shown="512x512"
    )
    batch: int = option(1, "pictures in a run", metavar="N", limits=(1, 1024))
    threads: int | None = option(None, "of the CPU (default: as many as may be used)", metavar="N", limits=_THREADS)
    precision: Precision | None = option(
        None, "of the convolutions (default: float32; of the stylizer, whatever it takes by itself)"
    )
    seconds: float = option(3.0, "for each row, after the warm-up", metavar="S", limits=_SECONDS, is_open=True)

    def __post_init__(self) -> None:
        check_options(self)
        if self.style_images and self.style is not None:
            raise OptionError("`style` and `style_images`: give one of them")


@dataclass(frozen=True, kw_only=True)
class OptimizeBench:
    """Iterations of `nst optimize`, in each precision at each size.

    Attributes:
        style: A bundled painting's name, or a file.
        sizes: Width and height of the pictures, px.
        iterations: Of each row, all at full size; fewer than 3 show nothing.
        precisions: Of the features.
        device: As for `nst_engine.optimize`.
        threads: Number of CPU threads; None: as many as may be used.

    Raises:
        OptionError: An invalid value.
    """

    style: str = option("starry-night", "a painting", metavar="FILE|NAME")
    sizes: tuple[Size, ...] = option(
        ((512, 512),), "of the pictures, px", metavar="WxH", read=size, is_list=True, shown="512x512"
    )
    iterations: int = option(10, "of each row, all at full size", metavar="N", limits=(3, 1_000_000))
    precisions: tuple[str, ...] = option(
        ("float32", "bfloat16"),
        "of the features; repeatable",
        choices=("float32", "bfloat16"),
        flag="--precision",
        shown="both",
    )
    device: str = option("auto", "where to compute", metavar="auto|cpu|cuda[:N]")
    threads: int | None = option(None, "of the CPU (default: as many as may be used)", metavar="N", limits=_THREADS)

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, kw_only=True)
class KernelsBench:
    """The native kernels against NumPy and other libraries.

    Attributes:
        sizes: Width and height of the pictures, px.
        threads: Number of CPU threads; None: as many as may be used.
        seconds: For each row, after the warm-up.

    Raises:
        OptionError: An invalid value.
    """

    sizes: tuple[Size, ...] = option(
        ((512, 512), (1920, 1080)),
        "of the pictures, px",
        metavar="WxH",
        read=size,
        is_list=True,
        shown="512x512 1920x1080",
    )
    threads: int | None = option(None, "of the CPU (default: as many as may be used)", metavar="N", limits=_THREADS)
    seconds: float = option(1.0, "for each row, after the warm-up", metavar="S", limits=_SECONDS, is_open=True)

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, kw_only=True)
class Comparing:
    """Two results.

    Attributes:
        noise: Ratios as near to 1 are no difference.

    Raises:
        OptionError: An invalid value.
    """

    noise: float = option(
        0.02, "ratios as near to 1 are no difference", metavar="SHARE", limits=(0.0, math.nextafter(1.0, 0.0))
    )

    def __post_init__(self) -> None:
        check_options(self)
