"""The names of VGG-19's layers, and of the ways to pool and to compare them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from nst_engine.errors import OptionError

#: As VGG-19 was trained, or as Gatys et al. found to give smoother gradients.
Pooling = Literal["max", "avg"]
#: What Gram matrices are divided by, see `nst_engine.vgg19.losses.gram_factor`.
GramNormalization = Literal["target", "none", "hw", "chw"]

#: Output channels of each convolution, in order; a 2x2 pooling stands between blocks.
CONVOLUTIONS: Mapping[str, int] = {
    f"conv{block}_{number}": channels
    for block, (count, channels) in enumerate(((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)), 1)
    for number in range(1, count + 1)
}
#: `conv1_1`, `relu1_1`, ... `relu5_4`, from the picture inwards.
LAYERS = tuple(name for conv in CONVOLUTIONS for name in (conv, conv.replace("conv", "relu")))
#: By which Gatys et al. 2015 compare contents and styles.
GATYS_CONTENT_LAYERS = ("relu4_2",)
GATYS_STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
#: The shortest side that leaves one pixel at `relu5_4`.
MIN_SIDE_PX = 16


def check_layers(layers: Iterable[str]) -> None:
    """Refuse names that are no layers of VGG-19 and names given twice.

    Raises:
        OptionError: With the valid names.
    """
    names = list(layers)
    for name in names:
        if name not in LAYERS:
            raise OptionError(f"unknown layer {name!r}; VGG-19 has {', '.join(LAYERS)}")
    if len(set(names)) != len(names):
        raise OptionError(f"a layer is named twice in {', '.join(names)}; name each once and give it a weight")
