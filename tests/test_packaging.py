"""What `pip install` brings, and what messages tell people to type for it."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from nst_engine import environment
from nst_engine.environment import pip_install

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: Mapping[str, Sequence[str]] = PROJECT["optional-dependencies"]
#: Packages that install the same import name over each other.
RIVALS = ({"onnxruntime", "onnxruntime-gpu"}, {"opencv-python", "opencv-python-headless"})
#: What a user chooses one of; `dev` has chosen.
CHOICES = ({"cpu", "gpu"}, {"opencv", "opencv-headless"}, {"dev", "gpu"}, {"dev", "opencv-headless"})


def packages_of(extra: str) -> set[str]:
    """All that an extra names, by way of other extras too."""
    packages = set()
    for requirement in EXTRAS[extra]:
        name, inner = re.match(r"([\w-]+)(?:\[([\w,-]+)\])?", requirement).groups()  # type: ignore[union-attr]
        if name == PROJECT["name"]:
            packages |= set().union(*map(packages_of, inner.split(",")))
        else:
            packages.add(name)
    return packages


def test_extras_that_can_meet_bring_no_package_over_another() -> None:
    for pair in itertools.combinations(EXTRAS, 2):
        if set(pair) not in CHOICES:
            for rivals in RIVALS:
                assert not rivals <= packages_of(pair[0]) | packages_of(pair[1]), pair


def test_extras_that_are_told_to_be_installed_exist() -> None:
    extras = set()
    for source in (ROOT / "nst_engine").rglob("*.py"):
        text = source.read_text(encoding="utf-8")
        extras |= set(re.findall(r"(?:pip_install|requirement)\(['\"]([\w-]+)", text))
        extras |= set(re.findall(r"needed\(\s*f?(?:\"[^\"]*\"|_WHAT), \"([\w-]+)\"", text))
    assert {"cpu", "gpu", "train", "opencv", "openvino", "video"} <= extras <= set(EXTRAS)


def test_what_to_type_fits_where_the_package_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sources are not on an index: a name alone could not be installed."""
    assert pip_install("cpu") == f"pip install -e '{ROOT}[cpu]'"
    monkeypatch.setattr(environment, "_PACKAGE_ROOT", tmp_path)
    (tmp_path / "nst_engine-1.dist-info").mkdir()
    (tmp_path / "nst_engine-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: nst-engine\nVersion: 1\n"
    )
    record = tmp_path / "nst_engine-1.dist-info" / "direct_url.json"
    monkeypatch.syspath_prepend(tmp_path)
    sources = tmp_path / "with space"
    sources.mkdir()
    (sources / "pyproject.toml").touch()
    for url, expected in (
        (None, "'nst-engine[cpu]'"),
        (sources.as_uri(), f"'{sources}[cpu]'"),
        ((tmp_path / "gone").as_uri(), "'nst-engine[cpu]'"),
        ("https://example.org/x.whl", "'nst-engine[cpu]'"),
    ):
        record.unlink(missing_ok=True)
        if url is not None:
            record.write_text(f'{{"url": "{url}", "dir_info": {{}}}}')
        assert pip_install("cpu") == f"pip install {expected}"
