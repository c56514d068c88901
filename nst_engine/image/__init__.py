"""Pictures in and out: the only package that imports Pillow, beside the programs for Triton."""

from nst_engine.image.animation import ANIMATION_SUFFIXES, save_animation
from nst_engine.image.animation_frames import Animation, AnimationFrame
from nst_engine.image.animation_parts import TimedPart, animation_writer, encode_frame
from nst_engine.image.decode import (
    EncodedImage,
    ImageSource,
    PillowImage,
    load_image,
)
from nst_engine.image.encode import encode_image, flatten, to_pillow, with_alpha
from nst_engine.image.formats import ACCEPTED_FORMATS, ALPHA_SUFFIXES, FORMATS, IMAGE_SUFFIXES, READABLE_SUFFIXES
from nst_engine.image.masks import load_mask, load_masks
from nst_engine.image.output import check_image_output, save_image
from nst_engine.image.picture import Picture
from nst_engine.image.resize import resize_image, without_finest
from nst_engine.image.scan import painted_part, without_scan_edges
from nst_engine.image.several import pictures_of, several_pictures
from nst_engine.image.sheet import contact_sheet, labelled_sheet
from nst_engine.image.visible import resized_opaque, visible_area, visible_part
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits

__all__ = [
    "ACCEPTED_FORMATS",
    "ALPHA_SUFFIXES",
    "ANIMATION_SUFFIXES",
    "DEFAULT_LIMITS",
    "FORMATS",
    "IMAGE_SUFFIXES",
    "READABLE_SUFFIXES",
    "Animation",
    "AnimationFrame",
    "EncodedImage",
    "ImageLimits",
    "ImageSource",
    "Picture",
    "PillowImage",
    "TimedPart",
    "animation_writer",
    "check_image_output",
    "contact_sheet",
    "encode_frame",
    "encode_image",
    "flatten",
    "labelled_sheet",
    "load_image",
    "load_mask",
    "load_masks",
    "painted_part",
    "pictures_of",
    "resize_image",
    "resized_opaque",
    "save_animation",
    "save_image",
    "several_pictures",
    "to_pillow",
    "visible_area",
    "visible_part",
    "with_alpha",
    "without_finest",
    "without_scan_edges",
]
