from __future__ import annotations

from pathlib import Path

import pytest
from cli.running import assert_refused

from nst_engine import catalogue
from nst_engine.catalogue import bundled_contents, bundled_styles, content_path, style_path
from nst_engine.errors import ImageNotFoundError, StyleNotFoundError
from nst_engine.image import load_image

BUNDLED = Path(catalogue.__file__).parent / "bundled"
PICTURES = {**bundled_styles(), **bundled_contents()}


def test_there_are_sixteen_styles_and_four_photos() -> None:
    assert len(bundled_styles()) == 16
    assert len(bundled_contents()) == 4
    assert list(bundled_styles()) == sorted(bundled_styles())
    assert not bundled_styles().keys() & bundled_contents().keys()


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_decodes_and_is_described(name: str) -> None:
    bundled = PICTURES[name]
    picture = load_image(bundled.path)
    assert picture.alpha is None
    assert min(picture.height, picture.width) >= 256
    assert bundled.name == bundled.path.stem == name
    assert bundled.title
    assert bundled.source
    assert bool(bundled.painter) == bool(bundled.year) == (name in bundled_styles())


def test_the_credits_name_every_picture() -> None:
    credit_lines = (BUNDLED / "CREDITS.md").read_text(encoding="utf-8").splitlines()
    for name, bundled in PICTURES.items():
        (line,) = [line for line in credit_lines if line.startswith(f"| {name} |")]
        for text in (bundled.painter, bundled.year):
            assert text in line


def test_every_file_is_in_the_catalogue() -> None:
    on_disk = {path for folder in ("styles", "contents") for path in (BUNDLED / folder).iterdir()}
    assert on_disk == {bundled.path for bundled in PICTURES.values()}


def test_names_and_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert style_path("starry-night") == bundled_styles()["starry-night"].path
    assert content_path("chelsea") == bundled_contents()["chelsea"].path
    own = tmp_path / "own.png"
    own.touch()
    assert style_path(str(own)) == content_path(str(own)) == own
    assert content_path("nowhere.png") == Path("nowhere.png")
    monkeypatch.chdir(tmp_path)
    Path("chelsea").touch()
    assert content_path("chelsea") == Path("chelsea")


def test_an_unknown_style_gets_a_hint_and_the_list() -> None:
    with pytest.raises(StyleNotFoundError, match=r"stary-night: .*did you mean starry-night") as caught:
        style_path("stary-night")
    assert all(name in str(caught.value) for name in bundled_styles())
    with pytest.raises(StyleNotFoundError) as caught:
        style_path("xyzzy")
    assert "did you mean" not in str(caught.value)


def test_a_painting_in_a_photos_place_and_a_misspelt_photo_get_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    is_painting = "great-wave: is a bundled painting, for --style great-wave, and no photo; give a file, or a bundled"
    assert_refused(capsys, is_painting, "stylize", "great-wave", "--style", "scream")
    assert_refused(capsys, is_painting, "stylize", "great-wave", "chelsea", "--style", "scream", "-o", "out")
    assert_refused(capsys, is_painting, "optimize", "great-wave", "--style", "scream", "-o", "out.png")
    assert_refused(capsys, "chelse: no such file; did you mean chelsea?", "stylize", "chelse", "--style", "scream")
    assert list(tmp_path.iterdir()) == []
    Path("great-wave").touch()
    assert content_path("great-wave") == Path("great-wave")
    with pytest.raises(ImageNotFoundError, match="for `style='great-wave'`"):
        content_path(str(Path("great-wave").rename("moved").with_name("great-wave")))


def test_a_picture_as_the_name_of_a_style_gets_all_ways_to_use_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for way in (
        "type --style-image some.jpg;",
        "nst add-style some.jpg -o mine.onnx;",
        "nst optimize PHOTO --style some.jpg -o painted.png\n",
    ):
        assert_refused(capsys, way, "stylize", "chelsea", "--style", "some.jpg", "-o", tmp_path / "out.png")
