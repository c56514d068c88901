"""Encoded styles are kept in bounded number, those that are used before the others."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from cli.running import painting

from nst_engine.errors import StyleNotFoundError
from nst_engine.server import kept_styles
from nst_engine.server.kept_styles import MOST_STYLES, KeptStyles
from nst_engine.stylize.style_embedding import StyleEmbedding

from .running import service
from .test_painting import encoded, stylize


def test_those_used_longest_ago_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_styles, "MOST_STYLES", 3)
    kept = KeptStyles(tmp_path / "styles")
    kept.sweep()  # there is none yet
    styles = [StyleEmbedding(np.array([number], np.float32), "model", "space", "label") for number in range(5)]
    for style in styles:
        kept.keep(style)
    for seconds, path in enumerate(sorted(tmp_path.glob("styles/*"))):
        os.utime(path, (seconds, seconds))
    oldest, second, third, fourth, _ = sorted(styles, key=lambda style: style.identity)
    kept.read(oldest.identity)
    kept.keep(third)  # once more
    kept.sweep()
    for style in (second, fourth):
        with pytest.raises(StyleNotFoundError, match="encode it"):
            kept.read(style.identity)
    assert len(list(tmp_path.glob("styles/*"))) == 3
    assert kept.read(oldest.identity).code == oldest.code


def test_a_service_removes_them(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "styles"
    folder.mkdir(parents=True)
    for number in range(MOST_STYLES):
        path = folder / f"{number}.safetensors"
        path.touch()
        os.utime(path, (number, number))
    with service(tmp_path, "--models", "any-fast", "--job-ttl", "1") as running, running.client() as client:
        image = encoded(painting(60, 50))
        identity = client.post("/v1/styles/encode", files={"style_image": image}).json()["style_id"]
        deadline = time.monotonic() + 60
        while (folder / "0.safetensors").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert (folder / "1.safetensors").exists()
        assert stylize(client, style_id=identity).status_code == 200
        (folder / f"{identity}.safetensors").unlink()
        assert stylize(client, style_id=identity).status_code == 404
