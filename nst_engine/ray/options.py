"""Options of runs on a cluster, with their limits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from nst_engine.options import check_options, option

Stages = Literal["auto", "apart", "together"]


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """See `nst_engine.ray.stylize_pictures`.

    Attributes:
        engines: Most engines at once; None: as many as the cluster's cores, or its GPUs, have room for. They are
            started as they are needed, and Ray's autoscaler may add nodes for them.
        engine_threads: Cores that each engine computes on; None: all of the node's, up to 8.
        stages: `apart`: reading and writing are tasks of their own, on any core of the cluster, so that engines on GPUs
            never wait for them; `together`: each engine reads and writes itself, which saves cores that compute the
            carrying of pixels from process to process; `auto`: apart where engines are on GPUs.
        image_format: Of the results, such as `jpg`; None: each as its input, or PNG.
        quality: Of JPEG, WebP, AVIF and HEIC.
        column: Of .parquet files: with the bytes of the pictures; None: the only column of bytes.
        key_column: Of .parquet files: with the pictures' names; None: they are named after file and row.
        resume: Go on with the run that the output holds: what is done there is not done again.
        retry_failed: With `resume`: paint again what could not be painted.
        overwrite: Begin anew where the output holds a run or results.

    Raises:
        OptionError: An invalid value.
    """

    engines: int | None = option(
        None, "at most, at once (default: as many as cores or GPUs allow)", metavar="N", limits=(1, math.inf)
    )
    engine_threads: int | None = option(
        None, "cores that each engine computes on (default: a node's, up to 8)", metavar="N", limits=(1, 1024)
    )
    stages: Stages = option(
        "auto", "apart: reading and writing are tasks of their own; auto: where engines are on GPUs"
    )
    image_format: str | None = option(None, "of the results, such as jpg (default: each as its input)", metavar="NAME")
    quality: int = option(95, "of JPEG, WebP, AVIF and HEIC", metavar="1-100", limits=(1, 100))
    column: str | None = option(None, "of .parquet files: where the bytes of the pictures are", metavar="NAME")
    key_column: str | None = option(None, "of .parquet files: with the names of the pictures", metavar="NAME")
    resume: bool = option(False, "go on with the run that OUTPUT holds; nothing is done twice")
    retry_failed: bool = option(False, "with --resume: try again what could not be painted")
    overwrite: bool = option(False, "begin anew where OUTPUT holds a run or results")

    def __post_init__(self) -> None:
        check_options(self)
