"""Refuses small files that take minutes or gigabytes to decode."""

from __future__ import annotations

import contextlib

from PIL import Image, TiffImagePlugin

from nst_engine.errors import ImageDecodeError, NSTError
from nst_engine.image.avif_size import coded_sizes, is_sequence
from nst_engine.limits import ImageLimits

#: As libjpeg-turbo's authors advise; encoders write about ten. Each scan passes over all pixels.
_MOST_SCANS = 500
_START_OF_SCAN = b"\xff\xda"
#: Decoders allocate whole tiles. Smaller tiles are common for any size of picture.
_USUAL_TILE_PX = 1024 * 1024
_MOST_PAGES_LOOKED_AT = 64
_NEW_SUBFILE_TYPE, _REDUCED = 254, 1
_TILE_WIDTH, _TILE_LENGTH = 322, 323


def check_scans(content: bytes, label: str) -> None:
    """Refuse JPEGs with very many scans: 1 MB of them takes a minute.

    Raises:
        ImageDecodeError: There are too many.
    """
    scans = content.count(_START_OF_SCAN)
    if scans > _MOST_SCANS:
        raise ImageDecodeError(
            f"{label}: the JPEG has {scans:,} scans, and more than {_MOST_SCANS} are not decoded. Save it again."
        )


def check_coded_size(content: bytes, label: str, limits: ImageLimits) -> None:
    """Refuse AVIFs that are coded in another size than they say, where that is larger than a picture may be.

    Raises:
        ImageTooLargeError: It is.
        ImageDecodeError: The file is damaged, or a sequence of pictures.
    """
    try:
        if is_sequence(content):
            raise ImageDecodeError(
                f"{label}: the AVIF is a sequence, one still picture was wanted. Extract one of the frames first."
            )
        for height, width in coded_sizes(content):
            limits.check_pixels(label, height, width)
    except NSTError:
        raise
    except ValueError as error:
        raise ImageDecodeError(
            f"{label}: the AVIF is truncated or damaged ({error}). Save or download it again."
        ) from error


def check_tiles(image: Image.Image, label: str, limits: ImageLimits) -> None:
    """Refuse TIFFs whose tiles are larger than a picture may be.

    Raises:
        ImageTooLargeError: A tile is.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return
    sides = [image.tag_v2.get(tag, 1) for tag in (_TILE_LENGTH, _TILE_WIDTH)]
    height, width = (side if isinstance(side, int) else 1 for side in sides)
    if height * width > _USUAL_TILE_PX:
        limits.check_pixels(f"{label} (one tile)", height, width)


def check_samples(image: Image.Image, label: str) -> None:
    """Refuse TIFFs whose samples Pillow decodes to other values without a word.

    Raises:
        ImageDecodeError: Planes of 16 bits that are not compressed, signed bytes, or numbers with 0 as white.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return
    tags = image.tag_v2
    bits = max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    is_signed = 2 in tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))
    is_plain = tags.get(TiffImagePlugin.COMPRESSION, 1) == 1
    if tags.get(TiffImagePlugin.PLANAR_CONFIGURATION, 1) == 2 and bits > 8 and is_plain:
        kind = "planes of 16 bits"
    elif is_signed and bits == 8:
        kind = "signed bytes"
    elif image.mode == "F" and tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        kind = "numbers with 0 as white"
    else:
        return
    raise ImageDecodeError(f"{label}: a TIFF of {kind} is not supported. Save it as PNG, or with interleaved samples.")


def has_more_pages(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Whether a TIFF has a second page; smaller copies of the first, as scanners and maps have them, are none.

    Leaves the first page to be read. Pages are not counted: a small file can say that it has millions.
    """
    is_another = False
    with contextlib.suppress(EOFError):
        for page in range(1, _MOST_PAGES_LOOKED_AT):
            image.seek(page)
            is_another = not int(image.tag_v2.get(_NEW_SUBFILE_TYPE, 0)) & _REDUCED
            if is_another:
                break
    image.seek(0)
    return is_another
