"""Throws arrays of all kinds at the kernels: shapes, strides, types, values, huge sizes without memory behind them.

python tests/fuzz/fuzz_kernels.py -max_total_time=30     # libFuzzer's options

Every call must be refused with a message, or give what the NumPy kernels give. `csrc/fuzz.sh` runs it on the sanitized
extension, so that a read or write beyond an array ends it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import atheris  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

with atheris.instrument_imports(include=["nst_engine.kernels"]):
    from nst_engine import kernels
    from nst_engine.errors import OptionError
    from nst_engine.kernels import _native, _numpy

_TYPES = ("u1", "f4", "f2", "f8", "i1", ">f4", "c8", "?")
_SPECIAL = np.array([0, -0.0, 1, -1, 0.5, np.nan, np.inf, -np.inf, 1e-45, 3e38, -3e38, 65520, 254.5, 1e-8], np.float64)
_LONGEST_SIDE = 40
_LARGEST_SIDE = 100  # of what is drawn for another array: with its padding
_Array = NDArray[Any]


class Draw:
    """Turns the fuzzer's bytes into arguments."""

    def __init__(self, data: bytes) -> None:
        self._bytes = atheris.FuzzedDataProvider(data)

    def whole(self, low: int, high: int) -> int:
        """A whole number, ends included."""
        number: int = self._bytes.ConsumeIntInRange(low, high)
        return number

    def one_of(self, *choices: Any) -> Any:
        """One of them."""
        return choices[self.whole(0, len(choices) - 1)]

    def number(self) -> Any:
        """Most often a float that means something."""
        return self.one_of(
            1.0, 255.0, 1 / 255, 0.0, -2.5, float(self._bytes.ConsumeFloat()), np.nan, np.inf, 1e39, None, "1", True
        )

    def _cut(self, side: int) -> slice:
        """So many of twice as many: the first, the last, every other one, or backwards."""
        whole: slice = self.one_of(slice(0, side), slice(side, None), slice(0, 2 * side, 2), slice(None, side - 1, -1))
        return whole

    def array(self, kind: str, *sides: int) -> _Array:
        """Of a type and shape, nearly always; in one memory layout or another, and never really huge."""
        kind = kind if self.whole(0, 15) else self.one_of(*_TYPES)
        # sides may be those of another array that is as large as addresses go
        shape = [min(side, _LARGEST_SIDE) if self.whole(0, 15) else self.whole(0, 5) for side in sides]
        if self.whole(0, 15) == 0:
            shape = shape[self.whole(0, 1) :] if self.whole(0, 1) else [1, *shape]
        if self.whole(0, 31) == 0:  # as large as addresses go, and one number behind it
            huge = [self.one_of(1, 3, 2**20, 2**40) for _ in shape]
            with contextlib.suppress(ValueError):
                return np.lib.stride_tricks.as_strided(np.zeros(3, kind), huge, [0] * len(huge))
        rng = np.random.default_rng(self.whole(0, 255))
        doubled = [2 * side for side in shape]
        values = rng.choice(_SPECIAL, doubled) if self.whole(0, 1) else rng.uniform(-1, 300, doubled)
        with np.errstate(all="ignore"):
            array: _Array = values.astype(kind)
        cut = [self._cut(side) for side in shape]
        view: _Array = array[tuple(cut)]
        how = self.whole(0, 7)
        if how == 0 and view.nbytes:  # one byte off
            memory = np.zeros(view.nbytes + 1, np.uint8)
            moved = memory[1:].view(view.dtype).reshape(view.shape)
            moved[...] = view
            return moved
        return view if how < 3 else np.ascontiguousarray(view)


def outcome(candidate: Any, call: Callable[[], _Array]) -> _Array | str:
    """What comes of a call on one implementation: an array, or the kind of refusal."""
    kernels._kernels = candidate
    try:
        with np.errstate(all="ignore"):
            return np.array(call())
    except OptionError:
        return "refused"
    except MemoryError:
        return "no memory"


def normalize_call(draw: Draw) -> Callable[[], _Array]:
    """One call with drawn arguments."""
    image = draw.array("u1", draw.whole(1, _LONGEST_SIDE), draw.whole(1, _LONGEST_SIDE), 3)
    options: dict[str, Any] = {}
    if draw.whole(0, 1):
        options["scale"] = draw.number()
    if draw.whole(0, 1):
        options["mean"] = [draw.number() for _ in range(draw.one_of(3, 3, 3, 2))]
    if draw.whole(0, 1):
        options["std"] = [draw.number() for _ in range(3)]
    if draw.whole(0, 1):
        options["pad_multiple"] = draw.one_of(1, 4, 32, 7, 0, -1, 70000, 2.0)
    elif draw.whole(0, 1) and image.ndim == 3:
        options["padded_size"] = (image.shape[0] + draw.whole(-1, 50), image.shape[1] + draw.whole(0, 9))
    if draw.whole(0, 2) == 0:
        options["dtype"] = draw.one_of(np.float16, np.float32, np.int8, "f2", None)
    if draw.whole(0, 2) == 0:
        options["out"] = draw.array(draw.one_of("f4", "f2"), 1, 3, *image.shape[:2])
    threads, swap = draw.one_of(1, 2, 3, 0, 5000), bool(draw.whole(0, 1))
    return lambda: kernels.normalize(image, swap_rb=swap, threads=threads, **options)


def denormalize_call(draw: Draw) -> Callable[[], _Array]:
    """One call with drawn arguments."""
    height, width = draw.whole(1, _LONGEST_SIDE), draw.whole(1, _LONGEST_SIDE)
    tensor = draw.array(draw.one_of("f4", "f4", "f2"), 1, 3, height, width)
    options: dict[str, Any] = {"rounding": draw.one_of("even", "even", "half-up", "up")}
    size = (height, width)
    if draw.whole(0, 1):
        size = options["size"] = (draw.whole(0, height + 1), draw.whole(1, width))
    if draw.whole(0, 1):
        options["scale"] = draw.number()
    if draw.whole(0, 1):
        options |= {"photo": draw.array("u1", *size, 3), "strength": draw.one_of(0.0, 0.3, 1.0, 1.5, np.nan)}
    if draw.whole(0, 2) == 0:
        options["out"] = draw.array("u1", *size, 3)
    threads, swap = draw.one_of(1, 2, 3), bool(draw.whole(0, 1))
    return lambda: kernels.denormalize(tensor, swap_rb=swap, threads=threads, **options)


def gram_call(draw: Draw) -> partial[_Array]:
    """One call with drawn arguments."""
    shape = [draw.whole(1, 2), draw.whole(1, _LONGEST_SIDE), draw.whole(1, 9), draw.whole(1, _LONGEST_SIDE)]
    shape = shape[draw.whole(0, 1) :]
    features = draw.array("f4", *shape)
    weights = draw.array("f4", *shape[:-3], *shape[-2:]) if draw.whole(0, 1) else None
    normalize, threads = draw.one_of("none", "hw", "chw", "c"), draw.one_of(1, 2, 3)
    return partial(kernels.gram_matrix, features, normalize=normalize, pixel_weights=weights, threads=threads)


def of_magnitudes(call: partial[_Array]) -> partial[_Array]:
    """The same sums, of magnitudes: what an entry is rounded against, whatever cancels out in it."""
    weights = call.keywords["pixel_weights"]
    options = call.keywords | {"pixel_weights": None if weights is None else np.abs(weights)}
    return partial(call.func, np.abs(call.args[0]), **options)


def one_input(data: bytes) -> None:
    """Make one call on every implementation, and compare."""
    draw = Draw(data)
    kind = draw.one_of("normalize", "denormalize", "gram")
    calls: dict[str, Callable[[Draw], Callable[[], _Array]]] = {
        "normalize": normalize_call,
        "denormalize": denormalize_call,
        "gram": gram_call,
    }
    call = calls[kind](draw)
    expected = outcome(_numpy.Kernels(), call)
    reach = expected
    if isinstance(call, partial) and not isinstance(expected, str):
        reach = outcome(_numpy.Kernels(), of_magnitudes(call))
    for isa in _native.available():
        actual = outcome(_native.kernels_of(isa), call)
        if isinstance(expected, str) or isinstance(actual, str):
            alike = isinstance(expected, str) and isinstance(actual, str) and expected == actual
            assert alike, (isa, kind, expected, actual)
        elif kind == "denormalize":
            np.testing.assert_array_equal(actual, expected, err_msg=isa)
        else:
            assert not isinstance(reach, str), reach
            _assert_close(actual, expected, np.abs(reach.astype(np.float64)), isa)


def _assert_close(actual: _Array, expected: _Array, reach: _Array, isa: str) -> None:
    """As near as rounding in another order allows; sums of numbers that leave float32 are anything."""
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype), isa
    largest = np.finfo(actual.dtype).max
    both = np.isfinite(actual) & np.isfinite(expected) & (reach < 1e-3 * largest)
    step = 2e-3 if actual.dtype == np.float16 else 1e-4
    error = np.abs(actual[both].astype(np.float64) - expected[both])
    # what is normalised may cancel out, too, against the mean
    scale = np.maximum(reach[both], np.abs(expected[both].astype(np.float64)).max(initial=0))
    assert (error <= step * scale + 1e-6).all(), (isa, float(error.max()), float(scale.max()))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
