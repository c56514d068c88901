"""The first stage: a path, bytes or an open file become bytes within the limit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from nst_engine.cancellation import check_cancelled
from nst_engine.errors import ImageDecodeError, ImageNotFoundError
from nst_engine.limits import ImageLimits
from nst_engine.reading import why_no_file

_CHUNK_BYTES = 1 << 20


def read_path(path: str | os.PathLike[str], label: str, limits: ImageLimits) -> bytes:
    """Read a file; its size is checked before a byte is read.

    Raises:
        ImageNotFoundError: there is no such file.
        ImageDecodeError: no file but a folder, a pipe or the like; or not readable.
        ImageTooLargeError: more than `limits.max_bytes`.
    """
    try:
        why = why_no_file(path, takes_open_pipes=True)
        if why is not None and Path(path).exists():
            raise ImageDecodeError(f"{label}: {why}, and a picture file was wanted. Give a file's name.")
        limits.check_bytes(label, Path(path).stat().st_size)
        with Path(path).open("rb") as file:
            return read_file(file, label, limits)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageNotFoundError(f"{label}: there is no such file. Check the path.") from error
    except PermissionError as error:
        raise ImageDecodeError(f"{label}: may not be read (permission denied). Check its owner and mode.") from error
    except OSError as error:
        raise ImageDecodeError(f"{label}: cannot be read ({error.strerror or error}). Check the path.") from error
    except ValueError as error:
        if isinstance(error, ImageDecodeError) or "null" not in str(error):
            raise
        raise ImageNotFoundError(f"{label!r}: no file name holds a null character. Check the path.") from error


def read_file(file: BinaryIO, label: str, limits: ImageLimits) -> bytes:
    """Read a binary file object from where it stands to its end, but no further than the limit.

    Raises:
        ImageDecodeError: opened as text, or reading failed.
        ImageTooLargeError: more than `limits.max_bytes`.
    """
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        check_cancelled()
        try:
            chunk: object = file.read(min(_CHUNK_BYTES, limits.max_bytes + 1 - size_bytes))
        except (OSError, ValueError) as error:
            raise ImageDecodeError(f"{label}: cannot be read ({error}). Give a file open for reading.") from error
        if chunk is None or isinstance(chunk, str):
            raise ImageDecodeError(
                f"{label}: came {'text' if chunk is not None else 'nothing yet'}, bytes were wanted. "
                'Open the file with mode "rb".'
            )
        if not isinstance(chunk, bytes) or not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > limits.max_bytes:
            limits.check_bytes(label, None)
