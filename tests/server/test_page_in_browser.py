"""The page in Chromium, before a running service: `web/browser/*.test.ts`, by Playwright."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from moving_clips import pictures, write_clip

from .running import service, wait_until_ready

WEB = Path(__file__).parents[2] / "web"
KEY = "kéy of the tests"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    assert shutil.which("npx"), "the page is tested by Node.js: install Node.js 20.19 or later, with npm"
    assert (WEB / "node_modules").is_dir(), "the page's packages are not installed: npm ci --prefix web"
    open_folder, guarded_folder = tmp_path_factory.mktemp("open"), tmp_path_factory.mktemp("guarded")
    (guarded_folder / "keys.txt").write_text(KEY, encoding="utf-8")
    guards = ("--api-key-file", guarded_folder / "keys.txt", "--max-bytes", "1000")
    clip = open_folder / "clip.mp4"
    write_clip(clip, pictures(60, 240, 320))
    with (
        service(open_folder, "--models", "live,any-fast", "--live", "4", is_ready=False) as started,
        service(guarded_folder, "--models", "live", *guards, is_ready=False) as guarded,
    ):
        wait_until_ready(started.address)
        wait_until_ready(guarded.address)
        yield {
            "NST_ADDRESS": started.address,
            "NST_GUARDED_ADDRESS": guarded.address,
            "NST_KEY": KEY,
            "NST_CLIP": str(clip),
        }


def test_in_chromium(environment: Mapping[str, str]) -> None:
    """All at one service: each worker of pytest would start its own."""
    ran = subprocess.run(
        ["npx", "vitest", "run", "--config", "vitest.browser.config.ts"],
        cwd=WEB,
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
