"""What the pages in docs/ tell people to type works, and gives the engine's own picture."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nst_engine import Stylizer, load_image
from nst_engine.catalogue import bundled_contents
from nst_engine.image.likeness import psnr_db
from nst_engine.models.find import find_model

MODELS = (Path(__file__).parent.parent / "docs" / "models.md").read_text(encoding="utf-8")
PHOTO = load_image(bundled_contents()["rocket"].path, max_side=203).pixels


def code_of(language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", MODELS, re.DOTALL)
    return str(code)


@pytest.fixture(scope="module")
def expected() -> NDArray[np.uint8]:
    return Stylizer("bundled:live", device="cpu", backend="onnxruntime").stylize(PHOTO, "great-wave").pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(find_model("bundled:live-uint8").path, tmp_path / "live-uint8.onnx")
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    return tmp_path


def in_python(folder: Path) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", code_of("python")], cwd=folder, check=True)


def in_node(folder: Path) -> None:
    """Node's packages come from the npm registry."""
    (folder / "example.mjs").write_text(code_of("js"))
    npm_install(folder, "onnxruntime-web@1", "pngjs@7")
    subprocess.run(["node", "example.mjs"], cwd=folder, check=True, capture_output=True)


def in_a_browser(folder: Path) -> None:
    """The page in Chromium, and its canvas as a file."""
    npm_install(folder, "onnxruntime-web@1", "playwright-core@1")
    site = folder / "site"
    shutil.copytree(folder / "node_modules" / "onnxruntime-web" / "dist", site / "ort")
    (site / "index.html").write_text(code_of("html"))
    for name in ("photo.png", "live-uint8.onnx"):
        shutil.copy(folder / name, site / name)
    (folder / "look.mjs").write_text(_LOOK_AT_PAGE)
    with served(site) as address:
        command = ["node", "look.mjs", address, str(shutil.which("chromium"))]
        looked = subprocess.run(command, cwd=folder, check=False, capture_output=True, encoding="utf-8", timeout=120)
    assert looked.returncode == 0, looked.stderr


def in_cpp(folder: Path) -> None:
    """Compiled against the library of the Python package."""
    import onnxruntime  # type: ignore[import-untyped]

    (library,) = (Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.1.*")
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (folder / name).symlink_to(library)
    (folder / "stylize.cpp").write_text(code_of("cpp"))
    options = ["-std=c++17", "-Wall", f"-I{_CPP_HEADERS}", "stylize.cpp", "-L.", "-lonnxruntime", "-Wl,-rpath,."]
    subprocess.run(["g++", *options, "-o", "stylize"], cwd=folder, check=True)
    Image.fromarray(PHOTO).save(folder / "photo.ppm")
    with (folder / "photo.ppm").open("rb") as photo, (folder / "stylized.ppm").open("wb") as stylized:
        subprocess.run(["./stylize"], cwd=folder, stdin=photo, stdout=stylized, check=True)
    Image.open(folder / "stylized.ppm").save(folder / "stylized.png")


def npm_install(folder: Path, *packages: str) -> None:
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


_LOOK_AT_PAGE = """
import { writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
const [address, executablePath] = process.argv.slice(2);
const options = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];
const browser = await chromium.launch({ executablePath, args: options });
const page = await browser.newPage();
const faults = [];
page.on('pageerror', (error) => faults.push(String(error)));
page.on('console', (message) => message.type() === 'error' && !message.text().includes('favicon')
  && !message.location().url.includes('favicon') && faults.push(message.text()));
page.on('request', (request) => request.url().startsWith(address) || request.url().startsWith('blob:')
  || faults.push('asked ' + request.url()));
await page.goto(address);
const isPainted = () => document.title === 'painted';
await page.waitForFunction(isPainted, null, { timeout: 60000 }).catch((error) => faults.push(String(error)));
const data = await page.evaluate(() => document.getElementById('stylized').toDataURL());
writeFileSync('stylized.png', Buffer.from(data.split(',')[1], 'base64'));
await browser.close();
if (faults.length) { console.error(faults.join('\\n')); process.exit(1); }
"""
_CPP_HEADERS = Path("/usr/include/onnxruntime")
_NEEDS_NODE = pytest.mark.skipif(shutil.which("npm") is None, reason="Node is not installed")
_NEEDS_BROWSER = pytest.mark.skipif(not (shutil.which("npm") and shutil.which("chromium")), reason="no Node, Chromium")
_NEEDS_HEADERS = pytest.mark.skipif(
    not (shutil.which("g++") and (_CPP_HEADERS / "onnxruntime_cxx_api.h").exists()),
    reason="libonnxruntime-dev is not installed",
)


@pytest.mark.parametrize(
    "run",
    [
        in_python,
        pytest.param(in_node, marks=_NEEDS_NODE),
        pytest.param(in_a_browser, marks=_NEEDS_BROWSER),
        pytest.param(in_cpp, marks=_NEEDS_HEADERS),
    ],
)
def test_the_examples_give_the_picture_of_the_engine(
    folder: Path, expected: NDArray[np.uint8], run: Callable[[Path], None]
) -> None:
    run(folder)
    assert psnr_db(load_image(folder / "stylized.png").pixels, expected) > 45


def test_weights_of_any_sum_are_shares(folder: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "live-uint8.onnx")
    results = []
    for total in (1, 7):
        weights = np.zeros((1, 16), np.float32)
        weights[0, [4, 7]] = total * 0.25, total * 0.75
        results += session.run(None, {"image": PHOTO[np.newaxis], "style_weights": weights})
    assert psnr_db(*results) > 60
