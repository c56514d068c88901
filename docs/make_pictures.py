"""Makes the README's pictures (about seven minutes on two cores).

python docs/make_pictures.py                    # all but the last
python docs/make_pictures.py styles             # only what one pass paints
python docs/make_pictures.py any PAINTING...    # any picture as the style
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nst_engine
from nst_engine.catalogue import content_path, style_path
from nst_engine.image import contact_sheet, labelled_sheet, load_image, save_image

DOCS = Path(__file__).parent
CONTENTS = ("chelsea", "coffee")
STYLES = ("great-wave", "composition-vii", "starry-night")
VARIANTS: dict[str, dict[str, Any]] = {
    "from the photo": {},
    "from noise": {"init": "random"},
    "colours: luma": {"preserve_color": "luma"},
    "colours: match": {"preserve_color": "match"},
    "colours: histogram": {"preserve_color": "histogram"},
}
VARIANT_PAIRS = (("rocket", "woman-with-a-hat"),)


def paint(content: str, style: str, **options: Any) -> Any:
    """One picture at 512 px, with its cost."""
    result = nst_engine.optimize(content_path(content), style, **options)
    print(content, style, options, f"{result.seconds:.0f} s", flush=True)
    return result.image


def styles_sheet(photo: str) -> Any:
    """A photo in every style, in one pass each."""
    picture = load_image(content_path(photo)).pixels
    stylizer = nst_engine.Stylizer("bundled:quality", device="cpu")
    painted = [(style, stylizer.stylize(picture, style).pixels) for style in stylizer.styles]
    return labelled_sheet([("photo", picture), *painted], columns=6, cell_px=300)


def any_sheet(photo: str, paintings: list[str]) -> Any:
    """A photo in the style of paintings, in one pass each."""
    picture = load_image(content_path(photo)).pixels
    stylizer = nst_engine.Stylizer("bundled:any", device="cpu")
    return contact_sheet(
        [[stylizer.stylize(picture, painting).pixels for painting in paintings]],
        cell_px=360,
        column_labels=[Path(painting).stem for painting in paintings],
        column_images=[load_image(painting).pixels for painting in paintings],
        row_labels=[photo],
        row_images=[picture],
    )


def main() -> None:
    """Paint, and write the sheets; see above for the arguments."""
    if sys.argv[1:2] == ["any"]:
        save_image(DOCS / "any.jpg", any_sheet("astronaut", sys.argv[2:]), quality=86)
        return
    save_image(DOCS / "styles.jpg", styles_sheet("chelsea"), quality=88)
    if sys.argv[1:] == ["styles"]:
        return
    cells = [[paint(content, style) for style in STYLES] for content in CONTENTS]
    styles = [load_image(style_path(style)).pixels for style in STYLES]
    contents = [load_image(content_path(content)).pixels for content in CONTENTS]
    sheet = contact_sheet(cells, column_labels=STYLES, row_labels=CONTENTS, column_images=styles, row_images=contents)
    save_image(DOCS / "gallery.jpg", sheet, quality=88)
    variants = [[paint(content, style, **options) for options in VARIANTS.values()] for content, style in VARIANT_PAIRS]
    sheet = contact_sheet(
        variants,
        column_labels=list(VARIANTS),
        row_labels=[f"{content}, {style}" for content, style in VARIANT_PAIRS],
        row_images=[load_image(content_path(content)).pixels for content, _ in VARIANT_PAIRS],
    )
    save_image(DOCS / "variants.jpg", sheet, quality=88)


if __name__ == "__main__":
    main()
