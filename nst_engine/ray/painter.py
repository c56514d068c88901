"""`StylizePictures`: an engine as an actor of Ray Data."""

from __future__ import annotations

import math
import os
from typing import Any, Literal, get_args

import numpy as np
import ray
from numpy.typing import NDArray

from nst_engine.color import ColorMode
from nst_engine.errors import NSTError, OptionError
from nst_engine.process import let_idle_threads_sleep
from nst_engine.stylize.loaded_model import DEFAULT_MODEL
from nst_engine.stylize.options import StylizeOptions
from nst_engine.stylize.style_choice import Style
from nst_engine.stylize.stylizer import Stylizer

OnError = Literal["raise", "record"]

#: In the place of one that could not be painted.
NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


class StylizePictures:
    """Paints batches of pictures: a callable for `ray.data.Dataset.map_batches`, one engine in each actor.

        pictures = ray.data.read_images("s3://bucket/photos")
        painted = pictures.map_batches(
            StylizePictures, fn_constructor_kwargs={"style": "scream"}, compute=ray.data.ActorPoolStrategy(size=4)
        )

    An actor computes on as many threads as it has CPUs (`num_cpus`); one that has a GPU (`num_gpus=1`) computes there,
    several pictures of one size together, or fails: it never falls back to the CPU.

    Args:
        model: As for `nst_engine.Stylizer`; a file has to be there on every node.
        style: As for `Stylizer.stylize`, like the next four.
        strength: See there.
        preserve_color: See there.
        stroke_size: See there.
        max_side: See there.
        column: Of the batch, with the pictures: arrays uint8 H×W×3, or the bytes of files. Painted, as arrays, they
            take its place.
        on_error: What a picture that cannot be painted does: `raise` ends the run; `record` tells why in the column
            `error`, which is empty for all others, and leaves an array of 0×0×3.
        batch_size: Pictures that a GPU computes together at most.
        **engine: Further arguments of `nst_engine.Stylizer`, such as `device`, `threads` or `precision`.

    Raises:
        OptionError: An invalid option.
        NSTError: What `Stylizer` raises.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = DEFAULT_MODEL,
        *,
        style: Style = None,
        strength: float = 1.0,
        preserve_color: ColorMode | None = None,
        stroke_size: float = 1.0,
        max_side: int | None = None,
        column: str = "image",
        on_error: OnError = "raise",
        batch_size: int = 8,
        **engine: Any,
    ) -> None:
        if on_error not in get_args(OnError):
            raise OptionError(f"{on_error!r} came; choose raise or record", option="on_error")
        options = StylizeOptions(
            strength=strength, preserve_color=preserve_color, stroke_size=stroke_size, max_side=max_side
        )
        let_idle_threads_sleep()
        self._stylizer = Stylizer(model, **{**_assigned(), **engine})
        self._style = self._stylizer.choose_style(style)
        self._options = vars(options)
        self._column, self._on_error = column, on_error
        self._batch_size = batch_size if _has_gpu() else 1

    def __call__(self, batch: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Paint a batch in NumPy's format.

        Raises:
            OptionError: It has no such column.
            NSTError: What `Stylizer.stylize` raises, unless errors are recorded.
        """
        if self._column not in batch:
            raise OptionError(f"{self._column!r} came; the batch has {', '.join(batch)}", option="column")
        pictures = list(batch[self._column])
        errors = [str(error) for error in batch.get("error", np.full(len(pictures), "", object))]
        painted = self._painted(pictures, errors)
        told = {"error": np.array(errors, object)} if self._on_error == "record" else {}
        return {**batch, self._column: column_of(painted), **told}

    def _painted(self, pictures: list[Any], errors: list[str]) -> list[NDArray[np.uint8]]:
        """One for each picture; those that have an error already are passed over."""
        painted = [NO_PICTURE] * len(pictures)
        left = [place for place, error in enumerate(errors) if not error]
        for first in range(0, len(left), self._batch_size):
            places = left[first : first + self._batch_size]
            try:
                results = self._stylizer.stylize_batch(
                    [pictures[place] for place in places], self._style, batch_size=self._batch_size, **self._options
                )
                for place, result in zip(places, results, strict=True):
                    painted[place] = result.pixels
            except NSTError as error:
                self._one_by_one(pictures, places, painted, errors, error)
        return painted

    def _one_by_one(
        self,
        pictures: list[Any],
        places: list[int],
        painted: list[NDArray[np.uint8]],
        errors: list[str],
        error: NSTError,
    ) -> None:
        """Find out which of them cannot be painted."""
        if self._on_error == "raise":
            raise error
        for place in places:
            try:
                painted[place] = self._stylizer.stylize(pictures[place], self._style, **self._options).pixels
            except NSTError as its_own:
                errors[place] = str(its_own)


def column_of(pictures: list[NDArray[np.uint8]]) -> NDArray[Any]:
    """Arrays of any sizes as a column of a batch."""
    column = np.empty(len(pictures), object)
    for place, picture in enumerate(pictures):
        column[place] = picture
    return column


def _assigned() -> dict[str, Any]:
    """Arguments of an engine that takes what Ray has assigned to this actor, and no more."""
    if not ray.is_initialized() or ray.get_runtime_context().get_actor_id() is None:
        return {}
    assigned = ray.get_runtime_context().get_assigned_resources()  # type: ignore[no-untyped-call]
    cpus = float(assigned.get("CPU", 0))
    threads = {"threads": max(1, math.ceil(cpus))}
    return {**threads, "device": "cuda"} if _has_gpu() else threads


def _has_gpu() -> bool:
    if not ray.is_initialized() or ray.get_runtime_context().get_actor_id() is None:
        return False
    return bool(ray.get_runtime_context().get_accelerator_ids().get("GPU"))
