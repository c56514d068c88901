"""A style image in numbers, which a model for any style paints by."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_engine.checks import parsed_json, require_path
from nst_engine.environment import needed
from nst_engine.errors import ModelChecksumError, StyleNotFoundError
from nst_engine.files import check_output, write_atomically
from nst_engine.reading import why_no_file
from nst_engine.wording import printable

SUFFIX = ".safetensors"

_FORMAT = "nst-engine style embedding 1"
_LARGEST_BYTES = 1 << 20
# Numbers are about 1, those of other people's encoders perhaps 100; far larger ones paint no picture.
_LARGEST_NUMBER = 1e4
_LONGEST_TEXT = 1000


@dataclass(frozen=True, eq=False)
class StyleEmbedding:
    """What a model's encoder has read from a style image.

    Attributes:
        code: float32, one axis.
        model: That has read it, for people.
        space: Of which encoder the numbers are: models of another one cannot read them.
        label: What people call the style image.
    """

    code: NDArray[np.float32] = field(repr=False)
    model: str
    space: str
    label: str

    def __str__(self) -> str:
        return self.label

    @property
    def identity(self) -> str:
        """The same for the same numbers of the same encoder only."""
        return hashlib.sha256(self.space.encode() + self.code.tobytes()).hexdigest()[:12]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it, to be given instead of the style image; all of it or nothing.

        Raises:
            ImageEncodeError: The name does not end in .safetensors, by which such files are known.
            OutputError: It cannot be written.
            MissingDependencyError: safetensors is not installed.
        """
        path = check_output(require_path("path", path), (SUFFIX,))
        write_atomically(path, self.as_bytes())
        return path

    def as_bytes(self) -> bytes:
        """The file that `save` writes.

        Raises:
            MissingDependencyError: safetensors is not installed.
        """
        with needed("style embeddings are written with safetensors", "cpu"):
            from safetensors.numpy import save
        header = {"model": self.model, "space": self.space, "label": self.label}
        metadata = {"format": _FORMAT, "nst_engine": json.dumps(header, ensure_ascii=False)}
        return bytes(save({"code": np.ascontiguousarray(self.code)}, metadata))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> StyleEmbedding:
        """Read one that `save` has written.

        Raises:
            StyleNotFoundError: There is no such file.
            ModelChecksumError: It is damaged, or something else.
            MissingDependencyError: safetensors is not installed.
        """
        path = Path(require_path("path", path))
        with needed("style embeddings are read with safetensors", "cpu"):
            import safetensors  # noqa: F401
        if why := why_no_file(path):
            raise StyleNotFoundError(f"{path}: {why}; nst encode-style makes one of a painting")
        try:
            return _parsed(path)
        # the parser raises what it meets
        except Exception as damaged:
            raise ModelChecksumError(
                f"{path}: damaged, or no style embedding; make it again: nst encode-style painting.jpg -o {path.name}"
            ) from damaged


def _parsed(path: Path) -> StyleEmbedding:
    from safetensors import safe_open

    if path.stat().st_size > _LARGEST_BYTES:
        raise ValueError("too large")
    with safe_open(path, "np") as file:
        metadata = file.metadata() or {}
        code = np.asarray(file.get_tensor("code"))
    header = parsed_json(metadata["nst_engine"]) if metadata["format"] == _FORMAT else {}
    if code.dtype != np.float32 or code.ndim != 1 or not (np.abs(code) <= _LARGEST_NUMBER).all():
        raise ValueError("no code")
    said = [header[each] for each in ("model", "space", "label")]
    if not all(isinstance(each, str) and len(each) <= _LONGEST_TEXT for each in said):
        raise ValueError("no description")
    return StyleEmbedding(code, *map(printable, said))
