"""`StylizePictures`: an engine as an actor of Ray Data."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import ray
from numpy.typing import NDArray

from nst_engine.color import ColorMode
from nst_engine.environment import usable_cpus
from nst_engine.errors import NSTError, OptionError
from nst_engine.process import let_idle_threads_sleep
from nst_engine.runtimes.options import suitable_streams
from nst_engine.stylize.loaded_model import DEFAULT_MODEL
from nst_engine.stylize.options import StylizeOptions
from nst_engine.stylize.side_by_side import side_by_side
from nst_engine.stylize.style_choice import Style
from nst_engine.stylize.stylizer import Stylizer

OnError = Literal["raise", "record"]
_Outcome: TypeAlias = NDArray[np.uint8] | NSTError

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

    Attributes:
        streams: Pictures that its engine paints side by side.

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
        engine = {**_assigned(), **engine}
        self.streams = suitable_streams(engine.get("expected_pictures"), engine.get("threads") or usable_cpus())
        self._stylizer = Stylizer(model, **{"streams": self.streams, **engine})
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
        painted = self._all_painted(pictures, errors)
        told = {"error": np.array(errors, object)} if self._on_error == "record" else {}
        return {**batch, self._column: column_of(painted), **told}

    def painted(self, picture: Any) -> NDArray[np.uint8]:
        """One picture, an array or the bytes of a file.

        Raises:
            NSTError: What `Stylizer.stylize` raises.
        """
        return self._stylizer.stylize(picture, self._style, **self._options).pixels

    def _all_painted(self, pictures: list[Any], errors: list[str]) -> list[NDArray[np.uint8]]:
        """One for each picture; those that have an error already are passed over."""
        painted = [NO_PICTURE] * len(pictures)
        left = [place for place, error in enumerate(errors) if not error]
        for place, outcome in self._together(pictures, left) if self._batch_size > 1 else self._each(pictures, left):
            if not isinstance(outcome, NSTError):
                painted[place] = outcome
            elif self._on_error == "raise":
                raise outcome
            else:
                errors[place] = str(outcome)
        return painted

    def _each(self, pictures: list[Any], places: list[int]) -> Iterator[tuple[int, _Outcome]]:
        """As many side by side as the engine has streams."""
        return side_by_side(lambda place: self.painted(pictures[place]), places, min(self.streams, len(places) or 1))

    def _together(self, pictures: list[Any], places: list[int]) -> Iterator[tuple[int, _Outcome]]:
        """Several at once, as GPUs are fastest; of several that cannot be painted, which it is."""
        for first in range(0, len(places), self._batch_size):
            some = places[first : first + self._batch_size]
            try:
                results = self._stylizer.stylize_batch(
                    [pictures[place] for place in some], self._style, batch_size=self._batch_size, **self._options
                )
            except NSTError:
                yield from self._each(pictures, some)
            else:
                yield from zip(some, (result.pixels for result in results), strict=True)


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
