import dataclasses
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nst_engine import kernels
from nst_engine.kernels import _native

SHOW = "from nst_engine import kernels; a = kernels.active(); print(a.implementation, a.isa, a.reason, sep='|')"
# What an installation without a C++ compiler looks like.
WITHOUT_EXTENSION = "import sys; sys.modules['nst_engine.kernels._native'] = None; "


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NST_ENGINE_")}
    return subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, check=False
    )


def printed(finished: subprocess.CompletedProcess[str]) -> list[str]:
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip().split("|")


def test_the_best_native_set_by_default() -> None:
    finished = run(SHOW)
    assert printed(finished) == ["native", _native.available()[0], ""]
    assert finished.stderr == ""
    assert printed(run(SHOW, NST_ENGINE_ISA="", NST_ENGINE_NO_EXT="")) == ["native", _native.available()[0], ""]


@pytest.mark.parametrize("isa", _native.available())
def test_isa_forces_one(isa: str) -> None:
    assert printed(run(SHOW, NST_ENGINE_ISA=isa)) == ["native", isa, ""]


@pytest.mark.parametrize("isa", ["sse9", "AVX2 ", "avx2" if platform.machine() == "aarch64" else "neon"])
def test_isa_that_this_machine_has_not(isa: str) -> None:
    finished = run(SHOW, NST_ENGINE_ISA=isa)
    assert finished.returncode != 0
    assert "ProviderUnavailableError" in finished.stderr
    assert f"'{isa}' is not available" in finished.stderr
    assert ", ".join(_native.available()) in finished.stderr


def test_no_ext_means_numpy_without_a_warning() -> None:
    finished = run(SHOW, NST_ENGINE_NO_EXT="1")
    assert printed(finished) == ["numpy", "none", "NST_ENGINE_NO_EXT=1 is set"]
    assert finished.stderr == ""


def test_no_ext_does_not_load_the_extension() -> None:
    code = "import sys, nst_engine.kernels; print('nst_engine.kernels._native' in sys.modules)"
    assert printed(run(code, NST_ENGINE_NO_EXT="1")) == ["False"]


def test_a_missing_extension_warns_once() -> None:
    finished = run(WITHOUT_EXTENSION + SHOW)
    implementation, isa, reason = printed(finished)
    assert (implementation, isa) == ("numpy", "none")
    assert "cannot be imported" in reason
    assert finished.stderr.count("RuntimeWarning") == 1
    assert "pip install --force-reinstall --no-deps nst-engine" in finished.stderr
    assert "NST_ENGINE_NO_EXT=1" in finished.stderr


def test_a_missing_extension_is_accepted_with_no_ext() -> None:
    assert run(WITHOUT_EXTENSION + SHOW, NST_ENGINE_NO_EXT="1").stderr == ""


def test_a_missing_extension_does_not_pass_for_a_forced_isa() -> None:
    finished = run(WITHOUT_EXTENSION + SHOW, NST_ENGINE_ISA="scalar")
    assert finished.returncode != 0
    assert "NST_ENGINE_ISA=scalar is set" in finished.stderr


def test_numpy_computes_what_native_code_computes() -> None:
    code = (
        "import numpy as np; from nst_engine import kernels as k; "
        "i = np.arange(7 * 5 * 3, dtype=np.uint8).reshape(7, 5, 3); t = k.normalize(i, pad_multiple=8); "
        "print(np.array_equal(k.denormalize(t, size=(7, 5)), i), round(float(k.gram_matrix(t[0]).sum()), 5))"
    )
    results = {tuple(printed(run(code, NST_ENGINE_NO_EXT=off))) for off in ("0", "1")}
    assert len(results) == 1
    assert results.pop()[0].startswith("True")


def test_active_describes_this_process() -> None:
    active = kernels.active()
    assert active is kernels.active()
    if active.implementation == "native":
        assert active.isa in active.available
        assert active.available == _native.available()
        assert active.available[-1] == "scalar"
        assert active.reason == ""
    else:
        assert (active.isa, active.available) == ("none", ())
        assert active.reason
    with pytest.raises(dataclasses.FrozenInstanceError):
        active.isa = "avx2"  # type: ignore[misc]


def test_native_code_defends_itself() -> None:
    native = _native.kernels_of("scalar")
    assert native.isa == "scalar"
    image, tensor = np.zeros((4, 5, 3), np.uint8), np.zeros((1, 3, 4, 5), np.float32)
    features, gram = np.zeros((1, 3, 4, 5), np.float32), np.zeros((1, 3, 3), np.float32)
    read_only = tensor.copy()
    read_only.flags.writeable = False
    by_one = (1.0, 1.0, 1.0)

    double: Any = features.astype(np.float64)

    def normalize(image: npt.NDArray[np.uint8], tensor: npt.NDArray[np.float32]) -> None:
        native.normalize(image, tensor, multiplier=by_one, offset=by_one, swap_rb=False, threads=1)

    def denormalize(
        image: npt.NDArray[np.uint8], photo: npt.NDArray[np.uint8] | None = None, strength: float = 0.5
    ) -> None:
        native.denormalize(
            tensor if len(image) == 4 else np.zeros((1, 3, 5, 5), np.float32),
            image,
            1.0,
            swap_rb=False,
            photo=photo,
            strength=strength,
            half_up=False,
            threads=1,
        )

    one_row = np.lib.stride_tricks.as_strided(np.zeros((1, 5, 3), np.uint8), (4, 5, 3), (0, 3, 1))
    tall = np.zeros((9, 5, 3), np.uint8)
    bad_calls: dict[str, Callable[[], object]] = {
        "features: wrong dtype": lambda: native.gram_matrix(double, gram, 1.0, None, 1),
        "features: wrong number of axes": lambda: native.gram_matrix(features[0], gram, 1.0, None, 1),
        "features: not C-contiguous": lambda: native.gram_matrix(features[..., ::2], gram, 1.0, None, 1),
        "features: empty": lambda: native.gram_matrix(features[:0], gram, 1.0, None, 1),
        "gram: wrong shape": lambda: native.gram_matrix(features, np.zeros((1, 3, 4), np.float32), 1.0, None, 1),
        "denominator": lambda: native.gram_matrix(features, gram, 0.0, None, 1),
        "weights: wrong shape": lambda: native.gram_matrix(features, gram, 1.0, features[0, :2].copy(), 1),
        "threads": lambda: native.gram_matrix(features, gram, 1.0, None, 0),
        "image: not H x W x 3": lambda: normalize(np.zeros((4, 5, 4), np.uint8), tensor),
        "image: the pixels of a row are apart": lambda: normalize(np.zeros((4, 9, 3), np.uint8)[:, ::2], tensor),
        "image: the bytes of a pixel are apart": lambda: normalize(np.zeros((4, 5, 6), np.uint8)[..., ::2], tensor),
        "tensor: wrong dtype": lambda: normalize(image, double),
        "tensor: smaller": lambda: normalize(image, tensor[:, :, :3].copy()),
        "tensor: not writeable": lambda: normalize(image, read_only),
        "image: larger": lambda: denormalize(np.zeros((4, 6, 3), np.uint8)),
        "image: its rows are one": lambda: denormalize(one_row),
        "photo: of another size": lambda: denormalize(image, image[:3]),
        "strength": lambda: denormalize(image, image, strength=np.nan),
        "input and output overlap": lambda: denormalize(tensor.view(np.uint8).ravel()[:60].reshape(4, 5, 3)),
        "input and output overl": lambda: denormalize(tall[4::-1], tall[3:8]),
    }
    for message, call in bad_calls.items():
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(RuntimeError, match="'mmx' is not available"):
        _native.kernels_of("mmx")
