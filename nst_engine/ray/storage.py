"""Files here and in buckets, behind one interface: fsspec's."""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import fsspec
from fsspec.implementations.local import LocalFileSystem, make_path_posix

from nst_engine.errors import ImageNotFoundError, MissingDependencyError, OptionError, OutputError
from nst_engine.files import write_atomically
from nst_engine.limits import ImageLimits
from nst_engine.reading import why_no_file

WILDCARDS = frozenset("*?[")
_IS_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
#: Of the folder in an output that tells what was done. Readers of Parquet pass over names that begin so.
RECORDS = "_nst"
#: Which package reads what; of others fsspec says it.
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


def is_url(text: str) -> bool:
    """Whether it names a place in a store, such as s3://bucket/photos, and no file here."""
    return _IS_URL.match(text) is not None


@dataclass(frozen=True)
class Place:
    """A file or folder, here or in a store. It can be pickled: each process opens the store by itself.

    Attributes:
        url: Absolute: a path with slashes, or with its protocol.
    """

    url: str

    @cached_property
    def store(self) -> Any:
        """The file system of fsspec.

        Raises:
            MissingDependencyError: The package that reads such addresses is not installed.
            ImageNotFoundError: There is no such protocol.
        """
        protocol = self.url.partition("://")[0] if is_url(self.url) else "file"
        try:
            kind = fsspec.get_filesystem_class(protocol)  # not by `url_to_fs`, to which :: in a name means something
            store = kind(**(kind._get_kwargs_from_urls(self.url) if is_url(self.url) else {}))
        except ImportError as error:
            package = _PACKAGES.get(protocol.lower(), f"what reads {protocol}:// for fsspec")
            raise MissingDependencyError(f"{self.url}: needs {package}; type: pip install {package}") from error
        except ValueError as error:
            raise ImageNotFoundError(
                f"{self.url}: there is no such kind of store ({error}); check the address"
            ) from error
        return store

    @cached_property
    def path(self) -> str:
        """As the store calls it."""
        stripped: str = self.store._strip_protocol(self.url)
        return stripped

    @property
    def is_local(self) -> bool:
        """Whether it lies in a file system of the machine."""
        return isinstance(self.store, LocalFileSystem)

    def at(self, path: str) -> Place:
        """Another path of the same store."""
        return Place(path if self.is_local else self.store.unstrip_protocol(path))

    def below(self, relative: str) -> Place:
        """What lies in this folder under that name, which may hold slashes."""
        return Place(posixpath.join(self.url.rstrip("/"), relative))

    @cached_property
    def resolved(self) -> str:
        """By which two names of one folder are told, links here included."""
        return os.path.realpath(self.path) if self.is_local else self.url.rstrip("/")

    def is_folder(self) -> bool:
        """Whether there is a folder of that name, or anything below it."""
        return bool(self.store.isdir(self.path))

    def is_file(self) -> bool:
        """Whether there is a file of that name."""
        return bool(self.store.isfile(self.path))

    def files(self) -> Iterator[str]:
        """The paths of all that is no folder below it, sorted; none that is hidden or lies in a hidden folder."""
        if not self.is_local:
            yield from (path for path in self.store.find(self.path) if not is_hidden(path[len(self.path) :]))
            return
        for root, folders, names in os.walk(self.path):
            folders[:] = sorted(name for name in folders if not is_hidden(name))
            yield from (posixpath.join(root, name) for name in sorted(names) if not is_hidden(name))

    def matches(self) -> tuple[Place, list[str]]:
        """Of a pattern: the folder before its first wildcard, and all that is no folder, as `files` has it.

        As in shells, what is hidden is found by patterns that say so only.
        """
        parts = self.path.split("/")
        first = next(place for place, part in enumerate(parts) if WILDCARDS & set(part))
        root = "/".join(parts[:first])
        says_hidden = is_hidden("/".join(parts[first:]))
        found = self.store.glob(self.path, detail=True)
        paths = sorted(path for path, about in found.items() if about["type"] != "directory")
        return self.at(root), [path for path in paths if says_hidden or not is_hidden(path[len(root) :])]

    def open(self) -> IO[bytes]:
        """For reading."""
        opened: IO[bytes] = self.store.open(self.path, "rb")
        return opened

    def read(self, limits: ImageLimits) -> bytes:
        """All of a picture's file.

        Raises:
            ImageTooLargeError: It is larger than the limit; no more than that is read.
            ImageNotFoundError: It is no file; nobody waits at a pipe.
            OSError: It cannot be read.
        """
        reason = why_no_file(self.path) if self.is_local else None
        if reason is not None:
            raise ImageNotFoundError(f"{reason}; check the address")
        with self.open() as file:
            content = file.read(limits.max_bytes + 1)
        if len(content) > limits.max_bytes:
            limits.check_bytes(self.url, None)
        return content

    def whole(self) -> bytes:
        """All of a small file that another process may write anew meanwhile: one request, and so one state of it.

        Raises:
            FileNotFoundError: It is not there.
        """
        content: bytes = self.store.cat_file(self.path)
        return content

    def write(self, content: bytes) -> None:
        """Whole or not at all: here by a temporary file, in a store by one request.

        Raises:
            OutputError: It cannot be written.
        """
        try:
            if self.is_local:
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
                write_atomically(self.path, content)
            else:
                self.store.pipe_file(self.path, content)
        except OutputError:
            raise
        except Exception as error:  # each store has exceptions of its own
            raise OutputError(
                f"{self.url}: cannot be written ({why(error)}); check the address and the rights"
            ) from error

    def remove(self) -> None:
        """A file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self.store.rm_file(self.path)


def place_of(text: str) -> Place:
    """An address as it is typed; a relative path counts from the working folder, and file:// is a path.

    Raises:
        OptionError: It is empty, as variables of a shell may be.
    """
    if not text:
        raise OptionError("an empty address came, where a folder, file or store was wanted; type . for this folder")
    if text.lower().startswith("file://"):
        text = LocalFileSystem._strip_protocol(text)
    return Place(text if is_url(text) else make_path_posix(os.path.abspath(text)))  # noqa: PTH100  # nothing is resolved


def is_hidden(path: str) -> bool:
    """As `.cache/a.jpg` is, and what runs of ours write beside their results."""
    return any(part.startswith(".") or part == RECORDS for part in path.split("/"))


def why(error: BaseException) -> str:
    """What went wrong, in one line."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())[:300]
