"""What errors and messages make of strangers' names."""

from __future__ import annotations

import inspect
import pickle

import pytest

from nst_engine import errors
from nst_engine.cli.messages import with_flags
from nst_engine.errors import NSTError, OptionError
from nst_engine.wording import label_of_path, message_of

# A title of the window, a line of its own in a log, text that runs backwards, and a bell
NASTY = "a\x1b]0;title\x07\nnst: all is well\r\u202eb\x9b\x85c\u2028d"


def kinds() -> list[type[NSTError]]:
    return [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, NSTError)]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_no_error_says_what_steers_a_terminal_or_a_log(kind: type[NSTError]) -> None:
    error = kind(f"{NASTY}: no such file; type: nst")
    assert str(error).isprintable()
    assert str(error).endswith("d: no such file; type: nst")
    assert "\\x1b]0;title\\x07 nst: all is well\\r\\u202eb\\x9b\\x85c\\u2028" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_what_is_escaped_is_not_escaped_again() -> None:
    error = OptionError(f"{label_of_path(NASTY)} came", option="model")
    assert with_flags(error) == f"--model: {label_of_path(NASTY)} came"
    assert message_of(str(error)) == str(error)


def test_names_without_an_end_are_shown_by_both_of_theirs() -> None:
    for name in ("x" * 5000, "x " * 2500, "x" * 100_000):
        message = str(NSTError(f"model.onnx: keeps weights in '{name}': there is no such file; export it again"))
        assert message.startswith("model.onnx: keeps weights in 'x")
        assert message.endswith("there is no such file; export it again")
        assert "[...]" in message
        assert len(message) <= 2000
        assert message_of(message) == message


def test_paths_of_a_usual_length_are_whole() -> None:
    path = "/".join(["folder"] * 50)
    assert path in str(NSTError(f"{path}: there is no such file"))
