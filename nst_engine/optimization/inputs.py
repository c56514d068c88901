"""The pictures of a run, read and brought together: content, styles, regions, and the colours to keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nst_engine.color import ColorMode, keep_luma, luma_of, match_color
from nst_engine.errors import OptionError
from nst_engine.image import ImageSource, Picture, load_image, load_masks, pictures_of, resize_image, without_scan_edges
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits

#: A side shorter than this carries no picture to paint or to learn a style from.
MIN_PICTURE_SIDE_PX = 8


@dataclass(frozen=True, eq=False)
class Inputs:
    """Everything that is optimised towards, at the pictures' own sizes.

    Attributes:
        content_image: uint8 H×W×3.
        style_images: uint8 H×W×3 each, any sizes.
        style_weights: Share of each style, sum 1.
        style_guides: Where to look at each style image, float32 of its size, 0-1; None: everywhere.
        content_guides: Where each style is painted, float32 of the content's size, 0-1; None: everywhere.
        init_image: The first picture, uint8, if one was given.
        alpha: Of the content, uint8 H×W, kept aside.
        original: The content with its colours, for `preserve_color="luma"`; else None.
    """

    content_image: NDArray[np.uint8]
    style_images: Sequence[NDArray[np.uint8]]
    style_weights: Sequence[float]
    style_guides: Sequence[NDArray[np.float32] | None]
    content_guides: Sequence[NDArray[np.float32]] | None
    init_image: NDArray[np.uint8] | None
    alpha: NDArray[np.uint8] | None
    original: NDArray[np.uint8] | None = None

    def finish(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What is shown and written for a picture, uint8 H×W×3, of the optimisation."""
        if self.original is None:
            return image
        return keep_luma(image, resize_image(self.original, *image.shape[:2]))


def read_inputs(
    content: ImageSource,
    styles: Sequence[ImageSource],
    style_weights: Sequence[float],
    *,
    content_masks: ImageSource | Sequence[ImageSource] = (),
    style_masks: ImageSource | Sequence[ImageSource] = (),
    init: ImageSource | None = None,
    preserve_color: ColorMode | None = None,
    limits: ImageLimits = DEFAULT_LIMITS,
) -> Inputs:
    """Read all pictures; beyond the limits they are refused before they are decoded.

    What a scan shows around a painting is no part of the style, unless masks say so.

    Raises:
        OptionError: A picture is too small, or masks do not fit the pictures.
        NSTError: A picture cannot be read, see `nst_engine.image`.
    """
    content_picture = _read(content, "content image", limits)
    style_pictures = [_read(style, "style image", limits) for style in styles]
    guides, style_guides = pictures_of(content_masks, "content_masks"), pictures_of(style_masks, "style_masks")
    if not style_guides:  # they are of the whole picture, and say what counts
        style_pictures = [without_scan_edges(picture) for picture in style_pictures]
    inputs = Inputs(
        content_image=content_picture.pixels,
        style_images=[picture.pixels for picture in style_pictures],
        style_weights=style_weights,
        style_guides=_style_guides(style_pictures, style_guides, limits),
        content_guides=_content_guides(content_picture, guides, len(styles), limits) if guides else None,
        init_image=None if init is None else _read(init, "first picture", limits).pixels,
        alpha=content_picture.alpha,
    )
    return _with_preserved_color(inputs, preserve_color)


def with_own_style(inputs: Inputs) -> Inputs:
    """The content as its own style image, for the reconstruction of its style."""
    return replace(inputs, style_images=[inputs.content_image], style_weights=[1.0], style_guides=[None])


def _read(source: ImageSource, role: str, limits: ImageLimits) -> Picture:
    picture = load_image(source, limits=limits)
    if min(picture.height, picture.width) < MIN_PICTURE_SIDE_PX:
        raise OptionError(
            f"{picture.source}: the {role} has {picture.width}x{picture.height} px; at least {MIN_PICTURE_SIDE_PX} px "
            f"each way are needed: take a larger picture"
        )
    return picture


def _content_guides(
    content: Picture, masks: Sequence[ImageSource], num_styles: int, limits: ImageLimits
) -> list[NDArray[np.float32]]:
    read = load_masks(masks, num_styles, option="content_masks", limits=limits)
    return [_of_the_size_of(content, *mask, "content_masks") for mask in read]


def _style_guides(
    styles: Sequence[Picture], masks: Sequence[ImageSource], limits: ImageLimits
) -> list[NDArray[np.float32] | None]:
    """A style image's own transparency says where to look, unless a mask does."""
    if not masks:
        return [None if style.alpha is None else (style.alpha / 255).astype(np.float32) for style in styles]
    read = load_masks(masks, len(styles), option="style_masks", limits=limits)
    return [_of_the_size_of(style, *mask, "style_masks") for style, mask in zip(styles, read, strict=True)]


def _of_the_size_of(picture: Picture, mask: NDArray[np.float32], name: str, option: str) -> NDArray[np.float32]:
    if mask.shape != picture.pixels.shape[:2]:
        raise OptionError(
            f"{name} has {mask.shape[1]}x{mask.shape[0]} px, but "
            f"{picture.source} has {picture.width}x{picture.height}; make the mask of the picture's size",
            option=option,
        )
    return mask


def _with_preserved_color(inputs: Inputs, mode: str | None) -> Inputs:
    """Gatys et al. 2016, arXiv:1606.05897: transfer luma only, or recolour the styles before."""
    if mode is None:
        return inputs
    content = inputs.content_image
    if mode == "luma":
        grey = _grey(luma_of(content))
        styles = [_grey(_shifted(luma_of(style), luma_of(content))) for style in inputs.style_images]
        init = None if inputs.init_image is None else _grey(luma_of(inputs.init_image))
        return replace(inputs, content_image=grey, style_images=styles, init_image=init, original=content)
    recoloured = [match_color(style, content, method=mode) for style in inputs.style_images]
    return replace(inputs, style_images=recoloured)


def _shifted(style_luma: NDArray[np.float32], content_luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """The style's luma with mean and spread of the content's (section 4.2 there)."""
    spread = float(content_luma.std()) / max(float(style_luma.std()), 1e-3)
    shifted: NDArray[np.float32] = (style_luma - style_luma.mean()) * spread + content_luma.mean()
    return shifted


def _grey(luma: NDArray[np.float32]) -> NDArray[np.uint8]:
    levels = np.rint(np.clip(luma, 0, 255)).astype(np.uint8)
    return np.repeat(levels[..., np.newaxis], 3, axis=2)
