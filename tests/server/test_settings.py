"""Settings: flags and variables are the same."""

from __future__ import annotations

from typing import Any

import pytest

from nst_engine.cli import serve
from nst_engine.errors import OptionError
from nst_engine.server.run import _listening
from nst_engine.server.settings import ServerSettings, read_settings


def test_flags_are_the_settings_with_their_defaults() -> None:
    fields = ServerSettings.model_fields
    assert list(serve._OPTIONS) == list(fields)
    for name, (text, _) in serve._OPTIONS.items():
        described, default = fields[name].description or "", fields[name].default
        assert text.startswith(described.partition(" (default")[0])
        if default not in (None, (), False):
            shown = (
                ",".join(default)
                if isinstance(default, tuple)
                else f"{default:g}"
                if isinstance(default, float)
                else default
            )
            assert text.endswith(f"(default: {shown})"), name


def test_flags_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_ENGINE_PORT", "1234")
    monkeypatch.setenv("NST_ENGINE_MODELS", "live, any-fast")
    settings = read_settings(port="4321")
    assert settings.port == 4321
    assert settings.models == ("live", "any-fast")
    monkeypatch.setenv("NST_ENGINE_THREADS", "4")
    assert read_settings(workers=2).threads_of_a_worker == 2
    assert read_settings(workers=8).threads_of_a_worker == 1


@pytest.mark.parametrize(
    "given",
    [
        {"timeout": "nan"},
        {"timeout": 0},
        {"queue": "1.5"},
        {"max_side": 1},
        {"models": ""},
        {"host": ""},
        {"cors_origin": "example.org"},
        {"decode_memory": 1},
        {"data_folder": "/dev/null"},
        {"data_folder": "/dev/null/below"},
        {"cors_origin": "https://example.org/page"},
    ],
)
def test_values_out_of_range_are_named(given: dict[str, Any]) -> None:
    (name,) = given
    with pytest.raises(OptionError, match=name):
        read_settings(**given)


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "ü..x"])
def test_an_address_of_another_machine_is_named(host: str) -> None:
    with pytest.raises(OptionError, match="no address of this machine") as refused:
        _listening(read_settings(host=host, port=0))
    assert refused.value.option == "host"
