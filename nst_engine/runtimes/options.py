"""Where and how a model runs: the options, with their limits."""

from __future__ import annotations

from dataclasses import dataclass

from nst_engine.options import check_options, option
from nst_engine.runtimes.devices import DEVICES, Backend, Precision

#: OpenVINO needs half a second more before the first picture, and saves a twentieth with each.
FEW_PICTURES = 16

#: More would take memory for each and hardly save time: a stream of four threads computes nearly as fast as one of one.
_THREADS_OF_A_STREAM, _MOST_STREAMS = 4, 8

#: Small pictures do not fill a GPU. Elsewhere a batch takes as long as its pictures, or is prepared for by seconds.
_BATCH_ON_CUDA = 8


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """See `nst_engine.runtimes.opening.open_session`.

    Attributes:
        device: One of `nst_engine.runtimes.devices.DEVICES`: this one or an error; `auto`: the best that works.
        backend: `auto`: the fastest installed one whose pixels are right.
        threads: Number of CPU threads; None: as many as this process may use.
        precision: `auto`: the device's default; where `backend` chooses, too, the fastest whose pixels are right.
        timeout: Seconds that loading the model may take, and each run of it; None: any.

    Raises:
        OptionError: An invalid value.
    """

    device: str = option("auto", f"{', '.join(DEVICES)}; this one or an error", metavar="NAME")
    backend: Backend = option("auto", "auto: for many pictures the fastest installed one whose pixels are right")
    threads: int | None = option(None, "of the CPU (default: as many as may be used)", metavar="N", limits=(1, 1024))
    precision: Precision = option(
        "auto",
        "int8: the model's quantised file, faster and less exact; float32: nothing coarser where auto would be faster",
        shown="the device's",
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


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """How many pictures a CPU computes side by side.

    Attributes:
        streams: Each computes on its share of the threads: more pictures per second, each in a longer time.

    Raises:
        OptionError: An invalid value.
    """

    streams: int = option(
        1,
        "pictures that the CPU computes side by side, each on its share of the threads",
        metavar="N",
        limits=(1, 64),
        shown="for many pictures one for every 4 threads, 2 to 8",
    )

    def __post_init__(self) -> None:
        check_options(self)


def suitable_streams(expected_pictures: int | None, threads: int) -> int:
    """Streams for that many pictures; None: for many, such as a folder."""
    if expected_pictures is not None and expected_pictures < FEW_PICTURES:
        return 1
    return min(threads, max(2, min(threads // _THREADS_OF_A_STREAM, _MOST_STREAMS)))


def suitable_batch_size(device: str) -> int:
    """Pictures of one size that such a device (`cpu`, `cuda:1`, ...) computes at once, in less time than in turn."""
    return _BATCH_ON_CUDA if device.partition(":")[0] == "cuda" else 1
