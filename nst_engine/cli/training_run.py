"""What `train`, `train-any` and `add-style` share: the progress shown, and the model written at the end."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as RichProgress

from nst_engine.cli.option_flags import given
from nst_engine.cli.progress_bar import InterruptibleBar, clock, console, result_line, say
from nst_engine.environment import is_importable, pip_install
from nst_engine.errors import MissingDependencyError, OptionError, OutputError
from nst_engine.files import check_is_no_input
from nst_engine.training.options import TrainOptions

if TYPE_CHECKING:
    from nst_engine.training import Checkpoint, TrainProgress

_PREVIEW_CELL_PX = 256
# of networks that have learnt their paintings: the bundled ones are at a tenth
_LEARNT_STYLE_DISTANCE = 0.2


def check_length(arguments: argparse.Namespace) -> None:
    """Refuse a training without an end.

    Raises:
        OptionError: None was given.
    """
    if not given(arguments, TrainOptions).keys() & {"steps", "minutes"}:
        raise OptionError("say how long to train: --minutes 40 on a CPU, or --steps 40000 on a GPU")


def check_model_output(
    arguments: argparse.Namespace, inputs: Sequence[Path], *, companions: Sequence[Path] = ()
) -> Path:
    """The model's path, if it can be written; refused before hours of work rather than after.

    Args:
        arguments: Of the command.
        inputs: Paintings and models, which must stay.
        companions: Further files that come with the model.

    Raises:
        OutputError: It cannot.
        MissingDependencyError: What writes models is not installed.
    """
    output: Path = arguments.output
    if output.suffix.lower() != ".onnx":
        raise OutputError(f"{output}: a model's name ends in .onnx; type: -o {output.with_suffix('.onnx')}")
    if not output.parent.is_dir():
        raise OutputError(f"{output}: no such folder; type: mkdir -p {output.parent}")
    for written in (output, *companions):
        if written.is_dir():
            raise OutputError(f"{written}: is a folder; take another name")
        if written.exists() and not arguments.overwrite:
            raise OutputError(f"{written} is there already; take another name, or --overwrite")
    for written in (output, preview_path(output), *companions):
        check_is_no_input(written, inputs)
    for name in ("onnx", "onnxruntime"):
        if not is_importable(name):
            raise MissingDependencyError(f"the model could not be written without {name}; type: {pip_install('train')}")
    return output


def preview_path(output: Path) -> Path:
    """Of a model; not .jpg alone: a model is often called like its painting."""
    return output.with_suffix(".preview.jpg")


def training_folder(arguments: argparse.Namespace) -> Path:
    """Where the training keeps its files."""
    folder: Path | None = arguments.folder
    return folder if folder is not None else arguments.output.with_suffix(".training")


def encoder_path(output: Path) -> Path:
    """Of what reads style images for a model."""
    return output.with_name(f"{output.stem}-encoder.onnx")


def write_model(checkpoint: Checkpoint, output: Path, *, licence: str, shown: Sequence[str]) -> None:
    """Export, check parity, and paint the preview with the file that was written."""
    from nst_engine.exporting.stylizer import export_stylizer

    difference = export_stylizer(checkpoint, output, name=output.stem, licence=licence)
    _write_preview(output, {style: style for style in shown})
    what = f"{len(checkpoint.styles)} styles, {output.stat().st_size / 1e6:.1f} MB"
    _say_written(output, what, difference)


def write_any_model(checkpoint: Checkpoint, output: Path, *, licence: str, shown: Sequence[Path]) -> None:
    """Likewise for a network for any style, and what reads style images for it."""
    from nst_engine.exporting.any_style import export_any_style
    from nst_engine.training import any_style_of

    trained, encoder = any_style_of(checkpoint), encoder_path(output)
    differences = export_any_style(
        [trained], output.parent, {}, licence, names={trained.arch: output.stem}, encoder_file=encoder.name
    )
    _write_preview(output, {path.stem: path for path in shown})
    megabytes = (output.stat().st_size + encoder.stat().st_size) / 1e6
    what = f"paints in the style of any picture, {megabytes:.1f} MB with {encoder.name}, which it needs beside it"
    _say_written(output, what, differences[output.name])


def _write_preview(output: Path, shown: Mapping[str, str | Path]) -> None:
    """The bundled photos in these styles, by label."""
    from nst_engine.catalogue import bundled_contents
    from nst_engine.image import contact_sheet, load_image, save_image
    from nst_engine.stylize.stylizer import Stylizer

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


def _say_written(output: Path, what: str, difference: float) -> None:
    result_line(f"{output}: {what}, differs from torch by at most {difference:.1g}; preview {preview_path(output)}")


class TrainingDisplay(InterruptibleBar):
    """Progress bar with distances and time left; use as a context manager and as the callback of a training.

    The first Ctrl-C ends the training after a checkpoint; a second one ends the program.

    Args:
        label: What is being made.
        learnt_at: Style distance below which the pictures look like the painting.
    """

    def __init__(self, label: str, learnt_at: float = _LEARNT_STYLE_DISTANCE) -> None:
        bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TextColumn("{task.fields[status]}"),
            console=console,
        )
        super().__init__(bar, "stopping after a checkpoint (Ctrl-C again: at once)")
        self._label, self._skipped, self._style, self._learnt_at = label, 0, math.nan, learnt_at
        self._task = bar.add_task(f"{label}: reading", total=None, status="")

    def __call__(self, progress: TrainProgress) -> bool:
        """Show one step; False when a stop is wished."""
        self._has_begun = True
        self._style = progress.style
        if progress.skipped > self._skipped:
            self._skipped = progress.skipped
            console.print(f"step {progress.step}: the loss was not finite; the step was left out", style="yellow")
        left = progress.seconds * (1 - progress.fraction) / max(progress.fraction, 1e-9)
        self._bar.update(
            self._task,
            description=f"{self._label} step {progress.step}",
            total=1.0,
            completed=progress.fraction,
            status=f"{clock(left)} left · content {progress.content:.3f}, style {progress.style:.3f}",
        )
        return not self.was_interrupted

    def say_if_undertrained(self, how_to_go_on: str) -> None:
        """Warn of a training that ended before the pictures look like the painting."""
        if self._style > self._learnt_at:
            say(
                f"undertrained: the pictures are still at {self._style:.2f} from the style, and look like it below "
                f"{self._learnt_at:g}; {how_to_go_on}"
            )
