"""`optimize` and `reconstruct`: the public API of optimisation-based transfer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray

from nst_engine.catalogue import style_path
from nst_engine.errors import OptionError
from nst_engine.image import ImageSource, pictures_of, resize_image, save_image
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits
from nst_engine.optimization.device import exact_float32, resolve_device, resolve_precision, torch_threads
from nst_engine.optimization.inputs import Inputs, read_inputs, with_own_style
from nst_engine.optimization.loop import optimize_scales, to_pixels
from nst_engine.optimization.objective import Objective
from nst_engine.optimization.options import INITS, OptimizeArguments, OptimizeOptions, reconstruction_options
from nst_engine.optimization.progress import LossTerms, ProgressCallback
from nst_engine.optimization.pyramid import Scale, plan_scales
from nst_engine.options import by_name
from nst_engine.vgg19.layers import LAYERS
from nst_engine.vgg19.network import VGG19
from nst_engine.vgg19.weights import load_vgg19_weights


@dataclass(frozen=True, eq=False)
class OptimizeResult:
    """A stylized picture and how it came about.

    Attributes:
        image: uint8 H×W×3, RGB.
        alpha: Of the content image at the result's size, uint8 H×W; None: opaque.
        losses: Of the picture, the lowest met.
        iterations: Done, over all scales.
        seconds: From the call to the picture.
        was_stopped: Whether the callback ended the run before its time.
        notes: Problems that were noticed and handled.
        device: That computed.
        precision: `float32` or `bfloat16`, of the features.
        threads: Number of CPU threads that torch used.
        weights_source: Where VGG-19's weights are from.
        weights_sha256: Of their file.
        options: As used.
    """

    image: NDArray[np.uint8] = field(repr=False)
    alpha: NDArray[np.uint8] | None = field(repr=False)
    losses: LossTerms
    iterations: int
    seconds: float
    was_stopped: bool
    notes: tuple[str, ...]
    device: str
    precision: str
    threads: int
    weights_source: str
    weights_sha256: str
    options: OptimizeOptions

    def save(
        self, path: str | Path, *, quality: int = 95, inputs: Sequence[object] = (), overwrite: bool = False
    ) -> Path:
        """Write the picture, see `nst_engine.save_image`."""
        return save_image(path, self.image, alpha=self.alpha, quality=quality, inputs=inputs, overwrite=overwrite)

    @property
    def image_sha256(self) -> str:
        """Of the pixels; equal for equal pictures."""
        return hashlib.sha256(str(self.image.shape).encode() + self.image.tobytes()).hexdigest()


@by_name(OptimizeOptions)
def optimize(
    content_image: ImageSource | Inputs,
    style_images: ImageSource | Sequence[ImageSource] = (),
    *,
    content_masks: ImageSource | Sequence[ImageSource] = (),
    style_masks: ImageSource | Sequence[ImageSource] = (),
    on_progress: ProgressCallback | None = None,
    limits: ImageLimits = DEFAULT_LIMITS,
    options: OptimizeOptions | None = None,
    **option_values: Unpack[OptimizeArguments],
) -> OptimizeResult:
    """Paint the content image in the style of one or more paintings (Gatys et al. 2015, arXiv:1508.06576).

    Args:
        content_image: A path, encoded bytes, an open file, an array (uint8 H×W×3 and others) or a PIL image; or all
            pictures, read already by `read_inputs` with these options.
        style_images: The same, or the name of a bundled painting (`nst_engine.catalogue.STYLES`); one or several.
        content_masks: Where to apply each style: a grey picture of the content's size for each, white inside
            (guided Gram matrices, Gatys et al. 2017, arXiv:1611.07865). Elsewhere the content stays as it is.
        style_masks: Where to look at each style image; of that image's size.
        on_progress: Called after each iteration; returning False stops the run.
        limits: For all pictures; larger ones are refused before they are decoded.
        options: All options at once; or by name:
        **option_values: The fields of `OptimizeOptions`.

    Raises:
        OptionError: An option or a picture that cannot be used.
        StyleNotFoundError: A style that is neither a file nor bundled.
        ImageDecodeError: A picture that cannot be read; with its siblings `ImageNotFoundError`, `ImageTooLargeError`.
        ModelNotFoundError: No weights for VGG-19; `ModelChecksumError`: damaged ones.
        ProviderUnavailableError: The device requested is not there.
        OptimizationError: The loss is not a number from the start.
    """
    options = _options(options, option_values)
    started = time.perf_counter()
    if isinstance(content_image, Inputs):
        beside = {"style_images": style_images, "content_masks": content_masks, "style_masks": style_masks}
        if any(pictures_of(given, name) for name, given in beside.items()):
            raise OptionError("style images and masks came beside what `read_inputs` has read: give them to it instead")
        return _optimized(content_image, options, on_progress, started)
    styles = pictures_of(style_images, "style_images")
    if not styles:
        raise OptionError("no style image came; give at least one (`style_images`)")
    inputs = read_inputs(
        content_image,
        [_resolve_style(style) for style in styles],
        options.blend_weights(len(styles)),
        content_masks=content_masks,
        style_masks=style_masks,
        init=None if options.init in INITS else options.init,
        preserve_color=options.preserve_color,
        limits=limits,
    )
    return _optimized(inputs, options, on_progress, started)


@by_name(OptimizeOptions)
def reconstruct(
    image: ImageSource | Inputs,
    layer: str,
    *,
    style: bool = False,
    on_progress: ProgressCallback | None = None,
    limits: ImageLimits = DEFAULT_LIMITS,
    options: OptimizeOptions | None = None,
    **option_values: Unpack[OptimizeArguments],
) -> OptimizeResult:
    """Show what VGG-19 knows of a picture at a layer (Gatys et al. 2015, figure 1), starting from noise.

    Args:
        image: As for `optimize`.
        layer: `conv1_1` ... `relu5_4`.
        style: False: match the features of this layer; True: the Gram matrices of Gatys' style layers up to this one
            (this one included).
        on_progress: As for `optimize`.
        limits: As for `optimize`.
        options: As for `optimize`; layers and `init` are set here.
        **option_values: The fields of `OptimizeOptions`.

    Raises:
        OptionError: An unknown layer; and all that `optimize` raises.
    """
    started = time.perf_counter()
    options = reconstruction_options(_options(options, option_values), layer, style=style)
    inputs = image if isinstance(image, Inputs) else read_inputs(image, [], [], limits=limits)
    return _optimized(with_own_style(inputs) if style else inputs, options, on_progress, started)


def _options(options: OptimizeOptions | None, values: Mapping[str, Any]) -> OptimizeOptions:
    unknown = values.keys() - OptimizeOptions.__dataclass_fields__.keys()
    if unknown:
        raise OptionError(
            f"unknown option(s) {', '.join(sorted(unknown))}; there are "
            f"{', '.join(OptimizeOptions.__dataclass_fields__)}"
        )
    return OptimizeOptions(**values) if options is None else replace(options, **values)


def _resolve_style(style: ImageSource) -> ImageSource:
    return style_path(style) if isinstance(style, str) else style


def _optimized(
    inputs: Inputs, options: OptimizeOptions, on_progress: ProgressCallback | None, started: float
) -> OptimizeResult:
    lambdas = [*options.content_lambdas.items(), *options.style_lambdas.items()]
    needed = {name for name, weight in lambdas if weight > 0}
    height, width = inputs.content_image.shape[:2]
    scales = plan_scales(
        height,
        width,
        image_size=options.image_size,
        num_iterations=options.num_iterations,
        pyramid=options.pyramid,
    )
    device = resolve_device(options.device)
    dtype = resolve_precision(options.precision, device)
    weights = load_vgg19_weights(options.vgg_weights)
    with torch_threads(options.threads) as threads, exact_float32(options.precision):
        network = VGG19(weights, [name for name in LAYERS if name in needed], pooling=options.pooling, dtype=dtype)
        # the module's `to` has no overload for both in its stubs
        network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        outcome = optimize_scales(
            scales,
            partial(Objective, network, inputs, options),
            partial(_first_image, inputs, options),
            options,
            on_progress=on_progress,
            finish=inputs.finish,
            started=started,
        )
    image = to_pixels(outcome.best.tensor)
    notes, (height, width) = outcome.notes, image.shape[:2]
    if (height, width) != (scales[-1].height, scales[-1].width):
        notes += (f"ended at {width}x{height} px and was enlarged",)
    image = inputs.finish(resize_image(image, scales[-1].height, scales[-1].width))
    return OptimizeResult(
        image=image,
        alpha=None if inputs.alpha is None else resize_image(inputs.alpha, *image.shape[:2]),
        losses=outcome.best.losses,
        iterations=outcome.iterations,
        seconds=time.perf_counter() - started,
        was_stopped=outcome.was_stopped,
        notes=notes,
        device=str(device),
        precision=str(dtype).removeprefix("torch."),
        threads=threads,
        weights_source=weights.source,
        weights_sha256=weights.sha256,
        options=options,
    )


def _first_image(inputs: Inputs, options: OptimizeOptions, scale: Scale, objective: Objective) -> torch.Tensor:
    """The picture that the coarsest scale starts from."""
    if inputs.init_image is not None:
        return objective.tensor_of(_cropped(inputs.init_image, scale.height / scale.width))
    if options.init == "style":
        return objective.tensor_of(_cropped(inputs.style_images[0], scale.height / scale.width))
    if options.init == "random":
        # drawn on the CPU: the same noise on every device
        noise = np.random.default_rng(options.seed).random((scale.height, scale.width, 3), dtype=np.float32)
        return objective.tensor_of(np.rint(noise * 255).astype(np.uint8))
    return objective.content_image


def _cropped(pixels: NDArray[np.uint8], aspect: float) -> NDArray[np.uint8]:
    """The largest centre crop with this ratio of height to width: strokes are not stretched."""
    height, width = pixels.shape[:2]
    crop_height, crop_width = min(height, max(1, round(width * aspect))), min(width, max(1, round(height / aspect)))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return np.ascontiguousarray(pixels[top : top + crop_height, left : left + crop_width])
