"""`nst optimize` with its defaults, judged on the photos and styles that the networks are judged on.

All photos in all styles would take two cores a working day. So each photo is painted in `STYLES_A_PHOTO` styles, which
go round: 24 photos show each of 16 styles six times. The networks' means over just these pictures stand beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from quality import LONGER_SIDE_PX, Judge, mean_of, means

from nst_engine import Stylizer, optimize
from nst_engine.catalogue import bundled_styles
from nst_engine.image import load_image, save_image
from nst_engine.training.photos import sized

STYLES_A_PHOTO = 4


def pairs(photos: Sequence[Path]) -> list[tuple[Path, str]]:
    """Each photo with each of its styles."""
    styles = list(bundled_styles())
    return [
        (photo, styles[(STYLES_A_PHOTO * number + turn) % len(styles)])
        for number, photo in enumerate(photos)
        for turn in range(STYLES_A_PHOTO)
    ]


def judged(known: Sequence[Mapping[str, Any]], photos: Sequence[Path], keep: Path | None) -> Iterator[dict[str, Any]]:
    """The figures after each picture that is not known yet.

    Args:
        known: `pictures` of such figures of before.
        photos: Of the networks' figures.
        keep: A folder for the pictures, to be looked at.
    """
    pictures = list(known)
    done = {(each["photo"], each["style"]) for each in known}
    for photo, style in pairs(photos):
        if (photo.name, style) in done:
            continue
        painting = bundled_styles()[style].path
        image = optimize(photo, painting).image
        if keep is not None:
            save_image(keep / f"{photo.stem}-{style}.png", image)
        pictures.append({"photo": photo.name, "style": style, **means([Judge(photo, painting).measures(image)])})
        print("optimize", pictures[-1], flush=True)
        yield _figures(pictures)


def on_the_same(
    stylizers: Mapping[str, Stylizer], pictures: Sequence[Mapping[str, Any]], photos: Sequence[Path]
) -> dict[str, dict[str, float]]:
    """Each network's means over the photos and styles of these pictures."""
    paths = {photo.name: photo for photo in photos}
    results = {}
    for name, stylizer in stylizers.items():
        measures = []
        for each in pictures:
            photo, style = paths[each["photo"]], each["style"]
            stylized = stylizer.stylize(sized(load_image(photo).pixels, LONGER_SIDE_PX), style).image
            measures.append(Judge(photo, bundled_styles()[style].path).measures(stylized))
        results[name] = mean_of([means(measures)])
    return results


def _figures(pictures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rows = []
    for style in bundled_styles():
        of_style = [each for each in pictures if each["style"] == style]
        if of_style:
            layers = np.mean([each["layers"] for each in of_style], axis=0).round(4).tolist()
            rows.append({"style": style, **mean_of(of_style), "layers": layers})
    return {"mean": mean_of(pictures), "styles": rows, "pictures": list(pictures)}
