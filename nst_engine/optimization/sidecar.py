"""The record beside a result: everything that made it, so that it can be made again."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_engine import kernels
from nst_engine.checks import parsed_json
from nst_engine.environment import package_version
from nst_engine.errors import NSTError, OptionError
from nst_engine.files import file_sha256
from nst_engine.optimization.options import OptimizeOptions
from nst_engine.reading import text_of
from nst_engine.version import __version__
from nst_engine.vgg19.weights import NAMED_SOURCES

if TYPE_CHECKING:
    from nst_engine.optimization.transfer import OptimizeResult

_FORMAT = "nst-engine optimize 1"
_ROLES = ("content", "style", "content_mask", "style_mask", "init")


@dataclass(frozen=True)
class RunInputs:
    """The files of a run.

    Attributes:
        content: Path.
        styles: Paths.
        content_masks: Paths, one per style or none.
        style_masks: Paths, one per style or none.
    """

    content: str
    styles: Sequence[str]
    content_masks: Sequence[str] = ()
    style_masks: Sequence[str] = ()

    def files(self, init: str | None) -> list[tuple[str, str]]:
        """Role and path of all, the first picture included if it is a file."""
        named = [("content", self.content)]
        named += [("style", path) for path in self.styles]
        named += [("content_mask", path) for path in self.content_masks]
        named += [("style_mask", path) for path in self.style_masks]
        return named + ([("init", init)] if init else [])


def describe_run(result: OptimizeResult, inputs: RunInputs, init_file: str | None = None) -> dict[str, Any]:
    """The sidecar's content, for JSON."""
    options = asdict(result.options)
    options["precision"], options["threads"], options["device"] = result.precision, result.threads, result.device
    options["style_weight"] = result.options.effective_style_weight
    options["content_layers"] = result.options.content_lambdas
    options["learning_rate"] = result.options.effective_learning_rate
    named = result.options.vgg_weights in NAMED_SOURCES
    options["vgg_weights"] = (
        result.weights_source.partition(" ")[0] if named else str(Path(result.options.vgg_weights).absolute())
    )
    return {
        "format": _FORMAT,
        "inputs": [
            {"role": role, "file": file, "path": str(Path(file).absolute()), "sha256": file_sha256(Path(file))}
            for role, file in inputs.files(init_file)
        ],
        "options": options,
        "weights": {"source": result.weights_source, "sha256": result.weights_sha256},
        "versions": {
            "nst-engine": __version__,
            "python": platform.python_version(),
            **{name: package_version(name) for name in ("torch", "numpy", "pillow")},
        },
        "machine": {"platform": platform.platform(), "kernels": kernels.active().isa},
        "iterations": result.iterations,
        "was_stopped": result.was_stopped,
        "notes": list(result.notes),
        "seconds": round(result.seconds, 3),
        "final_losses": asdict(result.losses),
        "image": {
            "width": result.image.shape[1],
            "height": result.image.shape[0],
            "pixels_sha256": result.image_sha256,
        },
    }


@dataclass(frozen=True)
class Replay:
    """What a sidecar asks for.

    Attributes:
        inputs: The files, found and unchanged.
        options: As they were, with the device, precision and threads that were used.
        pixels_sha256: Of the picture that came out.
        was_stopped: Whether the run was interrupted; its picture then cannot be made again.
        weights_sha256: Of the weights it used.
    """

    inputs: RunInputs
    options: OptimizeOptions
    pixels_sha256: str
    was_stopped: bool
    weights_sha256: str


def read_sidecar(path: Path) -> Replay:
    """Read a sidecar and find its inputs: where they were, or under the same name beside the sidecar.

    Raises:
        OptionError: It is missing, no sidecar, or an input is gone or has changed.
    """
    stored = _stored(path)
    try:
        files: dict[str, list[str]] = {role: [] for role in _ROLES}
        for entry in stored["inputs"]:
            files[entry["role"]].append(_located(path, entry))
        options = dict(stored["options"])
        if options["style_blend_weights"] is not None:
            options["style_blend_weights"] = tuple(options["style_blend_weights"])
        if files["init"]:
            (options["init"],) = files["init"]
        _check_kinds(options)
        (content,) = files["content"]
        return Replay(
            RunInputs(content, files["style"], files["content_mask"], files["style_mask"]),
            OptimizeOptions(**options),
            stored["image"]["pixels_sha256"],
            bool(stored["was_stopped"]),
            stored["weights"]["sha256"],
        )
    except NSTError:
        raise
    except (KeyError, TypeError, ValueError, OSError) as damaged:  # OSError: of names that no file has
        raise OptionError(
            f"{path}: not a complete sidecar ({type(damaged).__name__}: {damaged!s:.200}); wanted one written by nst "
            "optimize"
        ) from damaged


def _check_kinds(options: Mapping[str, Any]) -> None:
    """Of options that are text or a number by default; `OptimizeOptions` checks what they say."""
    for each in fields(OptimizeOptions):
        value = options.get(each.name, each.default)
        kind = str if isinstance(each.default, str) else float if isinstance(each.default, float) else None
        if kind is not None and not isinstance(value, (int, float) if kind is float else kind):
            raise TypeError(f"{each.name} is {value!r:.40}")


def _stored(path: Path) -> Mapping[str, Any]:
    try:
        stored = parsed_json(text_of(path))
    except FileNotFoundError as missing:
        raise OptionError(f"{path}: no such file; `replay` takes the JSON that `sidecar` wrote") from missing
    except (OSError, ValueError) as damaged:
        raise OptionError(
            f"{path}: cannot be read as JSON ({damaged}); `replay` takes what `sidecar` wrote"
        ) from damaged
    if not isinstance(stored, dict) or stored.get("format") != _FORMAT:
        raise OptionError(f"{path}: not a sidecar of nst optimize (its `format` would be {_FORMAT!r})")
    return stored


def _located(sidecar: Path, entry: Mapping[str, str]) -> str:
    changed = None
    for candidate in (Path(entry["path"]), sidecar.parent / Path(entry["path"]).name):
        if candidate.is_file():
            if file_sha256(candidate) == entry["sha256"]:
                return str(candidate)
            changed = candidate
    if changed is not None:
        raise OptionError(f"{changed}: the {entry['role']} has changed since the sidecar was written (SHA-256 differs)")
    raise OptionError(f"{entry['path']}: the {entry['role']} is gone; put it back, or beside {sidecar}")
