from collections.abc import Callable

import pytest

from nst_engine import kernels
from nst_engine.errors import OptionError
from nst_engine.kernels import _native, _numpy

IMPLEMENTATIONS = {
    **{isa: _native.kernels_of(isa) for isa in _native.available()},
    "numpy": _numpy.Kernels(),
}


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Puts each instruction set of this machine, and NumPy, behind the public functions."""
    monkeypatch.setattr(kernels, "_kernels", IMPLEMENTATIONS[request.param])
    return str(request.param)


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], str]:
    """Gives the message with which a call is refused, after checking that all refuse alike."""

    def message_of(call: Callable[[], object]) -> str:
        messages = set()
        for candidate in IMPLEMENTATIONS.values():
            monkeypatch.setattr(kernels, "_kernels", candidate)
            with pytest.raises(OptionError) as caught:
                call()
            messages.add(str(caught.value))
        assert len(messages) == 1
        return messages.pop()

    return message_of
