"""docs/security.md names tests that are there, and figures that are the code's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nst_engine.server.connections import HEADERS_PATIENCE_S, LEAST_BYTES_PER_S, MOST_CONNECTIONS
from nst_engine.server.kserve.tensors import MOST_JSON_BYTES
from nst_engine.server.rate import _SIZE
from nst_engine.server.settings import ServerSettings

from .mutations import whole_files
from .test_kserve import REFUSED

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([\w./]+\.py)(?:::(\w+))?`", PAGE)


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)))
def test_each_test_is_there(file: str, name: str) -> None:
    path = HERE / file if not file.startswith("tests/") else HERE.parents[1] / file
    assert f"def {name}" in path.read_text(encoding="utf-8")


def test_figures_are_those_of_the_code() -> None:
    defaults = {name: field.default for name, field in ServerSettings.model_fields.items()}
    for figure in (
        f"closed after {HEADERS_PATIENCE_S:g} s",
        f"lag behind {LEAST_BYTES_PER_S >> 10} KiB/s",
        f"beyond {MOST_CONNECTIONS} a worker",
        f"a table of {_SIZE >> 10} KB",
        f"may take {defaults['decode_memory'] / 1e9:g} GB more than it has",
        f"and {defaults['decode_timeout']:g} s (`--decode-timeout`)",
        f"painted at {defaults['max_side']} px",
        f"files of {len(whole_files())} kinds",
        f"requests of {len(REFUSED)} kinds",
        f"{MOST_JSON_BYTES >> 20} MiB at most",
        f"truncated files, of {sum('animated' not in name for name in whole_files())} kinds",
    ):
        assert figure in PAGE, figure
    assert len(NAMED) > 30
