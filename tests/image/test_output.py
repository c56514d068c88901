from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from nst_engine.errors import ImageEncodeError, OptionError, OutputError
from nst_engine.files import check_output, write_atomically
from nst_engine.image import IMAGE_SUFFIXES, check_image_output, load_image, save_image

from .samples import noise


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("suffix", [*IMAGE_SUFFIXES, ".PNG"])
def test_suffix_picks_the_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bild ß 絵{suffix}"
    assert save_image(str(path), noise(5, 7)) == path
    assert (load_image(path).format or "").lower() == IMAGE_SUFFIXES[suffix.lower()]
    assert _names(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["a.gif", "a.xyz", "a", ".png"])
def test_unknown_suffix_lists_the_valid_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageEncodeError, match=r"wanted one of \.png, \.jpg, .*\.bmp"):
        save_image(tmp_path / name, noise(2, 2))
    with pytest.raises(ImageEncodeError, match=r"wanted one of \.png, \.jpg, .*\.bmp"):
        check_image_output(tmp_path / name)
    assert _names(tmp_path) == []


def test_existing_output_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    path.chmod(0o600)
    before = os.umask(0o027)
    try:
        save_image(path, noise(5, 7))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    np.testing.assert_array_equal(load_image(path).pixels, noise(5, 7))


def test_inputs_are_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = save_image(tmp_path / "photo.png", noise(5, 7))
    content = photo.read_bytes()
    (tmp_path / "symbolic.png").symlink_to(photo)
    (tmp_path / "hard.png").hardlink_to(photo)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    same = (photo, "photo.png", "folder/../photo.png", tmp_path / "symbolic.png", tmp_path / "hard.png")
    for target in same:
        for attempt in (
            lambda path: save_image(path, noise(3, 3), inputs=[b"bytes", None, photo]),
            _checked(photo),
        ):
            with pytest.raises(OutputError, match="`overwrite=True`"):
                attempt(target)
    assert photo.read_bytes() == content
    save_image(tmp_path / "other.png", noise(3, 3), inputs=[photo, tmp_path / "missing.png", "null\0"])
    save_image(photo, noise(3, 3), inputs=[photo], overwrite=True)
    assert load_image(photo).width == 3


def _checked(photo: Path):  # type: ignore[no-untyped-def]  # a lambda with a name
    return lambda path: check_image_output(path, inputs=(photo,))


def test_symbolic_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "real" / "file.png")
    save_image(link, noise(3, 3))
    assert link.is_symlink()
    assert load_image(tmp_path / "real" / "file.png").width == 3


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    cases = {
        tmp_path / "none" / "a.png": "there is no folder",
        file / "a.png": "no folder|no usable path",
        tmp_path / "folder.png": "is a folder",
        tmp_path / "pipe.png": "a device or pipe",
        tmp_path / "nul\0.png": "no usable path",
        tmp_path / "loop.png": "no usable path|cannot be written",
        tmp_path / f"{'long' * 100}.png": "no usable path|cannot be written",
    }
    before = _names(tmp_path)
    for path, message in cases.items():
        with pytest.raises(OutputError, match=message):
            save_image(path, noise(3, 3))
        with pytest.raises(OutputError, match=message):
            write_atomically(path, b"content")
    assert _names(tmp_path) == before


def test_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere, so the refusal is played
    with pytest.raises(OutputError, match="may not be written to"):
        check_image_output(tmp_path / "a.png")


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OutputError, match=r"out\.png: cannot be written \(No space left on device\)"):
            save_image(path, noise(3, 3))
    with pytest.raises(OptionError):
        save_image(path, noise(3, 3), quality=0)
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["out.png"]


def test_other_content_and_other_suffixes(tmp_path: Path) -> None:
    path = check_output(tmp_path / "report.json", suffixes=(".json",))
    write_atomically(path, b"{}")
    assert path.read_bytes() == b"{}"
    with pytest.raises(ImageEncodeError, match=r"'\.png', wanted one of \.json"):
        check_output(tmp_path / "report.png", suffixes=(".json",))
