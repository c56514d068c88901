"""Output paths of a training, checked before torch is imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nst_engine.environment import is_importable, pip_install
from nst_engine.errors import MissingDependencyError, OutputError
from nst_engine.files import check_is_no_input, check_place


def check_model_output(
    output: Path, inputs: Sequence[Path], *, companions: Sequence[Path] = (), overwrite: bool = False
) -> None:
    """Check that the outputs can be written, before hours of work.

    Args:
        output: The model's path.
        inputs: Paintings and models, which must stay.
        companions: Further files that come with the model.
        overwrite: Whether existing files may be replaced.

    Raises:
        OutputError: One cannot be written.
        MissingDependencyError: onnx is not installed.
    """
    if output.suffix.lower() != ".onnx":
        stem = "model" if output.name.startswith((".", "-")) else output.stem
        named = output.with_name(f"{stem}.onnx")
        raise OutputError(f"{output}: a model's name ends in .onnx; use `output='{named}'`")
    if not output.parent.is_dir():
        raise OutputError(f"{output}: no such folder; type: mkdir -p {output.parent}")
    for written in (output, preview_path(output), *companions):
        check_place(written)
        if written.exists() and not overwrite:
            raise OutputError(f"{written} is there already; take another name, or `overwrite=True`")
    for written in (output, preview_path(output), *companions):
        check_is_no_input(written, inputs)
    if not is_importable("onnxruntime"):
        raise MissingDependencyError(
            f"models are checked with onnxruntime; type: {pip_install('cpu')} (or [gpu] for NVIDIA)"
        )


def photos_beside(output: Path, photos: Sequence[Path]) -> list[Path]:
    """The photos to learn on, without the preview that an earlier run has left.

    Raises:
        OutputError: The preview would replace one of them.
    """
    preview = preview_path(output)
    kept = [photo for photo in photos if photo.absolute() != preview.absolute()]
    check_is_no_input(preview, kept)
    return kept


def preview_path(output: Path) -> Path:
    """Path of a model's preview; not just .jpg: a model is often named after its painting."""
    return output.with_suffix(".preview.jpg")


def encoder_path(output: Path) -> Path:
    """Path of a model's style encoder."""
    return output.with_name(f"{output.stem}-encoder.onnx")
