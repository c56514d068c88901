"""Where and how a model runs: the options, with their limits."""

from __future__ import annotations

from dataclasses import dataclass

from nst_engine.options import check_options, option
from nst_engine.runtimes.devices import DEVICES, Backend, Precision


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """See `nst_engine.runtimes.opening.open_session`.

    Attributes:
        device: One of `nst_engine.runtimes.devices.DEVICES`: this one or an error; `auto`: the best that works.
        backend: `auto`: the fastest installed one whose pixels are right.
        threads: Number of CPU threads; None: as many as this process may use.
        precision: `auto`: the device's default.
        timeout: Seconds that loading the model may take, and each run of it; None: any.

    Raises:
        OptionError: An invalid value.
    """

    device: str = option("auto", f"{', '.join(DEVICES)}; this one or an error", metavar="NAME")
    backend: Backend = option("auto", "auto: for many pictures the fastest installed one whose pixels are right")
    threads: int | None = option(None, "of the CPU (default: as many as may be used)", metavar="N", limits=(1, 1024))
    precision: Precision = option(
        "auto", "int8: the model's quantised file, faster and less exact", shown="the device's"
    )
    timeout: float | None = option(
        None,
        "that each run of the model may take (default: any)",
        metavar="SECONDS",
        limits=(0.0, 1e6),
        is_open=True,
    )

    def __post_init__(self) -> None:
        check_options(self)
