"""A model repository: folders of models as NVIDIA Triton loads them."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nst_engine.errors import OutputError
from nst_engine.exporting.conversion import export_model
from nst_engine.exporting.triton.configs import (
    DECODE,
    ENCODE,
    STYLES_FILE,
    WARMUP_FOLDER,
    WHOLE,
    Config,
    ensemble_configs,
    painter_config,
)
from nst_engine.exporting.triton.text_format import text_format
from nst_engine.files import check_is_no_input
from nst_engine.models.formats import ExportOptions
from nst_engine.models.triton import STYLE_WEIGHTS, TritonOptions, check_model_name

_CONFIG, _VERSION, _GRAPH = "config.pbtxt", "1", "model.onnx"
#: In the version's folder of an ensemble: Triton wants the folder, and neither git nor object stores keep empty ones.
_NOTE = "README", "An ensemble has no files of its own; Triton wants this folder.\n"
_SERVED = Path(__file__).parent / "served"


@dataclass(frozen=True)
class Repository:
    """A repository that was written.

    Attributes:
        folder: Of all models.
        models: Names of those that were written; what a client asks for is last.
        styles: In the order of `style_weights`.
        difference: From torch, at most, before the precision was reduced; in units of 0-1.
    """

    folder: Path
    models: Sequence[str]
    styles: Sequence[str]
    difference: float


def models_of(name: str, options: TritonOptions) -> list[str]:
    """Names of the models that an export writes; those that need others are last."""
    return [name, *(ensemble_configs(name, (), options) if options.ensemble else ())]


def check_folder(folder: Path, models: Sequence[str], *, overwrite: bool) -> None:
    """Refuse a place that is no model repository, or holds one of the models.

    Raises:
        OutputError: Such a place.
    """
    if not folder.parent.is_dir():
        raise OutputError(f"{folder}: no such folder; type: mkdir -p {folder.parent}")
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, and a folder for models was wanted; take another name")
    for each in folder.iterdir() if folder.exists() else ():
        if not (each / _CONFIG).is_file():
            raise OutputError(f"{folder}: holds {each.name}, which is no model of Triton's; take another folder")
    for model in models:
        if (folder / model).exists() and not overwrite:
            raise OutputError(f"{folder / model} is there already; take another `name`, or `overwrite=True`")


def export_triton(
    source: Path, folder: Path, options: TritonOptions, export: ExportOptions, *, overwrite: bool = False
) -> Repository:
    """Write a network of fixed styles, and what belongs to it, into a model repository, whole or not at all.

    Args:
        source: A model file of this project, or a training's checkpoint.
        folder: Of the repository; models of other names in it stay.
        options: Of the repository.
        export: The model's name, which is its folder's, and its precision; the format is always of bytes.
        overwrite: Whether models of the same name may be replaced.

    Raises:
        OptionError: A name that Triton does not take.
        OutputError: The place is no repository, or cannot be written.
        ModelChecksumError: The source is damaged, or another project's.
        ModelParityError: The pictures differ too much.
    """
    name = source.stem if export.name is None else export.name
    check_model_name(name)
    models = models_of(name, options)
    check_folder(folder, models, overwrite=overwrite)
    check_is_no_input(folder / name / _VERSION / _GRAPH, [source])
    with _written_whole(folder, models) as part:
        graph = _folder_of(part, name) / _GRAPH
        exported = export_model(source, graph, replace(export, format="onnx-uint8", name=name))
        _write_painter(part / name, exported.styles, painter_config(name, exported.styles, options))
        if options.ensemble:
            for model, config in ensemble_configs(name, exported.styles, options).items():
                (_folder_of(part, model).parent / _CONFIG).write_text(text_format(config), encoding="utf-8")
            for place, text in _programs(name, options).items():
                (part / place).write_text(text, encoding="utf-8")
    return Repository(folder, models, exported.styles, exported.difference)


def _write_painter(folder: Path, styles: Sequence[str], config: Config) -> None:
    (folder / _CONFIG).write_text(text_format(config), encoding="utf-8")
    (folder / STYLES_FILE).write_text("".join(f"{style}\n" for style in styles), encoding="utf-8")
    (folder / WARMUP_FOLDER).mkdir()
    equal = np.full(len(styles), 1 / len(styles), "<f4")
    (folder / WARMUP_FOLDER / STYLE_WEIGHTS).write_bytes(equal.tobytes())


def _programs(name: str, options: TritonOptions) -> Mapping[str, str]:
    """What the Python and the DALI backend run, by place; and a note where nothing is run."""
    version, (note, note_text) = f"{name}{DECODE}/{_VERSION}", _NOTE
    both = {
        f"{name}{ENCODE}/{_VERSION}/model.py": (_SERVED / "encode.py").read_text(encoding="utf-8"),
        f"{name}{WHOLE}/{_VERSION}/{note}": note_text,
    }
    if options.ensemble == "python":
        return {**both, f"{version}/model.py": (_SERVED / "decode.py").read_text(encoding="utf-8")}
    text = (_SERVED / "dali.py").read_text(encoding="utf-8")
    text = text.replace("ON_GPU = True", f"ON_GPU = {options.device == 'gpu'}")
    return {**both, f"{version}/dali.py": text.replace("MAX_BATCH = 8", f"MAX_BATCH = {options.max_batch}")}


def _folder_of(part: Path, model: str) -> Path:
    """Of a model's only version."""
    version = part / model / _VERSION
    version.mkdir(parents=True)
    return version


@contextlib.contextmanager
def _written_whole(folder: Path, models: Sequence[str]) -> Iterator[Path]:
    """A folder beside the repository, whose models take their places in it after the block."""
    part = folder.resolve().parent / f".nst-{secrets.token_hex(8)}.part"
    try:
        part.mkdir()
        yield part
        folder.mkdir(exist_ok=True)
        with contextlib.ExitStack() as moves_back:
            for model in models:
                if (folder / model).exists():
                    _move(folder / model, part / f"{model}.before", moves_back)
                _move(part / model, folder / model, moves_back)
            moves_back.pop_all()
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}); check space and mode") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _move(place: Path, other: Path, moves_back: contextlib.ExitStack) -> None:
    place.rename(other)
    moves_back.callback(other.rename, place)
