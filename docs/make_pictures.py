"""Makes the README's pictures (about seven minutes on two cores)."""

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


def main() -> None:
    """Paint all, and write the sheets; with `styles` as argument only what one pass paints."""
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
