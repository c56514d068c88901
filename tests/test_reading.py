"""Text that anybody may have written is read within limits."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_models import write_own

from nst_engine import Stylizer, reading
from nst_engine.benchmark.report import read_report
from nst_engine.errors import NSTError
from nst_engine.models.find import find_model
from nst_engine.optimization.sidecar import read_sidecar
from nst_engine.reading import text_of


def test_what_may_have_no_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "told.json"
    file.write_text("ä", encoding="utf-8")
    assert text_of(file) == "ä"
    with pytest.raises(OSError, match="is a device, not a file"):
        text_of(Path(os.devnull))
    monkeypatch.setattr(reading, "_MOST_TEXT_BYTES", 1)
    with pytest.raises(ValueError, match="larger than"):
        text_of(file)


@pytest.mark.parametrize("read", [read_report, read_sidecar])
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_devices_are_no_results(read: Callable[[Path], object], device: str) -> None:
    with pytest.raises(NSTError, match="is a device, not a file"):
        read(Path(device))


def test_a_device_is_no_specification(tmp_path: Path) -> None:
    model = write_own(tmp_path)
    content = model.read_bytes().replace(b"nst_engine", b"not_engine")
    model.write_bytes(content)
    model.with_suffix(".json").symlink_to("/dev/zero")
    with pytest.raises(NSTError, match="is a device, not a file"):
        Stylizer(find_model(model).path, device="cpu")


def test_names_that_no_file_has_are_told_in_short(tmp_path: Path) -> None:
    sidecar = tmp_path / "sidecar.json"
    entry = f'{{"role": "content", "path": "{"0" * 5000}", "sha256": ""}}'
    sidecar.write_text(f'{{"format": "nst-engine optimize 1", "inputs": [{entry}]}}')
    with pytest.raises(NSTError) as refused:
        read_sidecar(sidecar)
    assert len(str(refused.value)) < 600
