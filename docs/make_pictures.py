"""Makes the README's pictures (about seven minutes on two cores)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nst_engine
from nst_engine.catalogue import content_path, style_path
from nst_engine.image import contact_sheet, load_image, save_image

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


def main() -> None:
    """Paint all, and write the sheets."""
    cells = [[paint(content, style) for style in STYLES] for content in CONTENTS]
    save_image(DOCS / "chelsea_great-wave.jpg", cells[0][0], quality=90)
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
