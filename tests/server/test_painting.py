"""Pictures over HTTP are those of the library; what cannot be painted is a 4xx with JSON."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from cli.running import painting
from numpy.typing import NDArray
from PIL import Image

from nst_engine import Stylizer, load_image
from nst_engine.catalogue import bundled_styles

from .running import Service, service


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    options = ("--models", "live,any-fast", "--max-pixels", "100000", "--max-batch-size", "4")
    with service(tmp_path_factory.mktemp("service"), *options) as started:
        yield started


@pytest.fixture
def client(running: Service) -> Iterator[httpx.Client]:
    with running.client() as client:
        yield client


@pytest.fixture(scope="module")
def live() -> Stylizer:
    return Stylizer("bundled:live", device="cpu", threads=1)


def encoded(pixels: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


PHOTO = painting(45, 60, seed=1)
WIDE = encoded(np.zeros((401, 300, 3), np.uint8))


def stylize(
    client: httpx.Client, photo: bytes = encoded(PHOTO), *, style_image: bytes | None = None, **fields: Any
) -> Any:
    """The service's answer."""
    files = {"photo": ("photo.png", photo)} | ({} if style_image is None else {"style_image": ("s.jpg", style_image)})
    return client.post("/v1/stylize", files=files, data=fields)


def test_a_photo_comes_back_as_the_library_paints_it(client: httpx.Client, live: Stylizer) -> None:
    answer = stylize(client, style="great-wave", format="png")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    expected = live.stylize(PHOTO, "great-wave").pixels
    np.testing.assert_array_equal(load_image(answer.content).pixels, expected)
    assert answer.headers["x-nst-model"] == "bundled:live"
    assert answer.headers["x-nst-provider"] == "CPUExecutionProvider"
    assert float(answer.headers["x-nst-inference-ms"]) > 0
    assert "inference;dur=" in answer.headers["server-timing"]


def test_every_field_reaches_the_library(client: httpx.Client, live: Stylizer) -> None:
    fields: dict[str, Any] = {"strength": "0.7", "stroke_size": "1.5", "preserve_color": "luma", "max_side": "50"}
    answer = stylize(client, style="scream:1,seaport:3", format="png", **fields)
    expected = live.stylize(
        PHOTO, {"scream": 1, "seaport": 3}, strength=0.7, stroke_size=1.5, preserve_color="luma", max_side=50
    )
    np.testing.assert_array_equal(load_image(answer.content).pixels, expected.pixels)


def test_bursts_are_painted_each_in_its_own_style(client: httpx.Client, live: Stylizer) -> None:
    photos = [painting(45, 60 + place % 2, seed=place) for place in range(20)]
    styles = [live.styles[place % len(live.styles)] for place in range(20)]

    def answer(place: int) -> Any:
        return stylize(client, encoded(photos[place]), style=styles[place], format="png")

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(answer, range(20)))
    for photo, style, got in zip(photos, styles, answers, strict=True):
        assert got.status_code == 200, got.text
        expected = live.stylize(photo, style).pixels.astype(int)
        assert np.abs(load_image(got.content).pixels - expected).max() <= 1


def test_text_instead_of_a_file_is_told(client: httpx.Client) -> None:
    answer = client.post("/v1/stylize", data={"photo": "photo.jpg", "style": "scream"})
    assert answer.status_code == 422
    assert "text came where a file is wanted" in answer.json()["error"]["message"]


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_formats_and_json(client: httpx.Client, kind: str) -> None:
    answer = stylize(client, style="scream", format=kind, quality="80", response="json")
    body = answer.json()
    assert body["media_type"] == f"image/{kind}"
    assert (body["width"], body["height"]) == (60, 45)
    assert body["styles"] == {"scream": 1.0}
    picture = Image.open(io.BytesIO(base64.b64decode(body["image"])))
    assert (picture.format, picture.size) == (kind.upper(), (60, 45))


def test_transparency_stays_in_png_and_is_laid_on_white_in_jpeg(client: httpx.Client) -> None:
    rgba = np.dstack([PHOTO, np.zeros((45, 60), np.uint8)])
    answer = stylize(client, encoded(rgba), style="scream", format="png")
    assert Image.open(io.BytesIO(answer.content)).mode == "RGBA"
    white = load_image(stylize(client, encoded(rgba), style="scream").content).pixels
    assert white.min() > 250


def test_style_images_are_taken_and_kept(client: httpx.Client) -> None:
    style = encoded(load_image(bundled_styles()["scream"].path, max_side=300).pixels)
    once = stylize(client, style_image=style, format="png")
    assert once.status_code == 200, once.text
    assert once.headers["x-nst-model"] == "bundled:any-fast"
    expected = Stylizer("bundled:any-fast", device="cpu", threads=1).stylize(PHOTO, style).pixels
    np.testing.assert_array_equal(load_image(once.content).pixels, expected)
    kept = client.post("/v1/styles/encode", files={"style_image": style}, data={"label": "fear"})
    assert kept.status_code == 201
    assert kept.json()["label"] == "fear"
    again = stylize(client, style_id=kept.json()["style_id"], format="png")
    assert again.content == once.content


@pytest.mark.parametrize(
    ("status", "kind", "message", "request_"),
    [
        (422, "ImageDecodeError", "wanted PNG", {"photo": b"no picture", "style": "scream"}),
        (422, "ImageDecodeError", "empty", {"photo": b"", "style": "scream"}),
        (422, "ImageDecodeError", "truncated", {"photo": encoded(PHOTO)[:900], "style": "scream"}),
        (
            413,
            "ImageTooLargeError",
            "max_pixels",
            {"photo": WIDE, "style": "scream"},
        ),
        (404, "StyleNotFoundError", "did you mean scream", {"style": "scraem"}),
        (422, "OptionError", "style: none came", {}),
        (422, "OptionError", "strength", {"style": "scream", "strength": "3"}),
        (422, "OptionError", "strength", {"style": "scream", "strength": "nan"}),
        (422, "OptionError", "format", {"style": "scream", "format": "gif"}),
        (422, "OptionError", "did you mean stroke_size", {"style": "scream", "stroke-size": "2"}),
        (422, "OptionError", "style and style_id came", {"style": "scream", "style_id": "0"}),
        (404, "StyleNotFoundError", "style_id", {"style_id": "../../etc/passwd"}),
        (404, "StyleNotFoundError", "style_id", {"style_id": "a" * 5000}),
        (404, "ModelNotFoundError", "did you mean bundled:live", {"style": "scream", "model": "bundled:life"}),
        (404, "ModelNotFoundError", "/etc/passwd", {"style": "scream", "model": "/etc/passwd"}),
    ],
)
def test_what_cannot_be_painted_is_an_error_in_json(
    client: httpx.Client, status: int, kind: str, message: str, request_: dict[str, Any]
) -> None:
    answer = stylize(client, **request_)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["type"] == kind
    assert message in error["message"]
    assert error["request_id"] == answer.headers["x-request-id"]
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("message", "address", "fields"),
    [
        ("style: came in the address; send it as a field of the form", "?style=scream", []),
        ("style: came 2 times", "", [("style", "scream"), ("style", "great-wave")]),
        ("photo: came 2 times", "", [("style", "scream"), ("photo", "again")]),
    ],
)
def test_what_would_be_without_effect_is_refused(
    client: httpx.Client, message: str, address: str, fields: list[tuple[str, str]]
) -> None:
    parts = [("photo", ("photo.png", encoded(PHOTO)))]
    parts += [(name, (value, encoded(PHOTO)) if name == "photo" else (None, value.encode())) for name, value in fields]  # type: ignore[misc]
    answer = client.post(f"/v1/stylize{address}", files=parts)
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["error"]["message"]


def test_a_photo_is_wanted(client: httpx.Client) -> None:
    answer = client.post("/v1/stylize", data={"style": "scream"})
    assert answer.status_code == 422
    assert "photo" in answer.json()["error"]["message"]


def test_styles_previews_and_models_are_listed(client: httpx.Client) -> None:
    styles = {each["name"]: each for each in client.get("/v1/styles").json()["styles"]}
    assert styles.keys() == bundled_styles().keys()
    assert "bundled:live" in styles["great-wave"]["models"]
    preview = client.get(styles["great-wave"]["preview"], params={"max_side": 100})
    assert max(Image.open(io.BytesIO(preview.content)).size) == 100
    assert client.get("/v1/styles/nix/preview").status_code == 404
    models = client.get("/v1/models").json()["models"]
    assert [(each["name"], each["any_style"]) for each in models] == [
        ("bundled:live", False),
        ("bundled:any-fast", True),
    ]


def test_the_documentation_asks_no_other_host(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert "http" not in page
    for asset in ("docs/assets/swagger-ui-bundle.js", "docs/start.js", "docs/assets/swagger-ui.css", "openapi.json"):
        assert asset in page or asset == "openapi.json"
        assert client.get(f"/{asset}").status_code == 200
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/stylize", "/v1/styles", "/v1/styles/encode", "/v1/models"} <= paths.keys()


def test_figures_for_prometheus(client: httpx.Client) -> None:
    stylize(client, style="scream")
    text = client.get("/metrics").text
    assert 'nst_requests_total{method="POST",route="/v1/stylize",status="200"}' in text
    assert 'nst_stage_seconds_bucket{le="0.005",model="bundled:live",stage="decode"}' in text
    assert "nst_requests_in_progress 0.0" in text
