"""The outputs of a training: the model with its companions, checked for parity, and a preview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_engine.catalogue import bundled_contents
from nst_engine.exporting.any_style import export_any_style
from nst_engine.exporting.model_output import encoder_path, preview_path
from nst_engine.exporting.stylizer import export_stylizer
from nst_engine.image import contact_sheet, load_image, save_image
from nst_engine.stylize.stylizer import Stylizer
from nst_engine.training.checkpoint import Checkpoint, any_style_of
from nst_engine.wording import counted

_PREVIEW_CELL_PX = 256


@dataclass(frozen=True)
class FinishedModel:
    """Files that were written.

    Attributes:
        path: Of the model.
        preview: Of the bundled photos in its styles.
        description: What it holds, and its size, for display.
        difference: From torch's numbers, at most.
    """

    path: Path
    preview: Path
    description: str
    difference: float


def write_model(checkpoint: Checkpoint, output: Path, *, licence: str, shown: Sequence[str]) -> FinishedModel:
    """Export, check parity, and make the preview with the exported file.

    Raises:
        ModelParityError: The export differs from torch; it is not written.
    """
    difference = export_stylizer(checkpoint, output, name=output.stem, licence=licence)
    preview = _write_preview(output, {style: style for style in shown})
    description = f"{counted(len(checkpoint.styles), 'style')}, {output.stat().st_size / 1e6:.1f} MB"
    return FinishedModel(output, preview, description, difference)


def write_any_model(checkpoint: Checkpoint, output: Path, *, licence: str, shown: Sequence[Path]) -> FinishedModel:
    """Likewise for a network for any style and its encoder; `shown` are style images."""
    trained, encoder = any_style_of(checkpoint), encoder_path(output)
    differences = export_any_style(
        [trained], output.parent, {}, licence, names={trained.arch: output.stem}, encoder_file=encoder.name
    )
    preview = _write_preview(output, {path.stem: path for path in shown})
    megabytes = (output.stat().st_size + encoder.stat().st_size) / 1e6
    description = (
        f"paints in the style of any picture, {megabytes:.1f} MB with {encoder.name}, which it needs beside it"
    )
    return FinishedModel(output, preview, description, differences[output.name])


def _write_preview(output: Path, shown: Mapping[str, str | Path]) -> Path:
    """The bundled photos in these styles, by label."""
    stylizer = Stylizer(output, device="cpu")
    photos = [load_image(photo.path).pixels for photo in bundled_contents().values()]
    cells = [[stylizer.stylize(photo, style, max_side=512).image for style in shown.values()] for photo in photos]
    sheet = contact_sheet(
        cells,
        column_labels=list(shown),
        row_labels=list(bundled_contents()),
        cell_px=_PREVIEW_CELL_PX,
        row_images=photos,
    )
    save_image(preview_path(output), sheet)
    return preview_path(output)
