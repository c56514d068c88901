"""The library's messages about options, as the command line prints them."""

from __future__ import annotations

import pytest

from nst_engine.cli.messages import with_flags
from nst_engine.errors import OptionError, ProviderUnavailableError


@pytest.mark.parametrize(
    ("error", "in_python", "on_the_command_line"),
    [
        (OptionError("0 came", option="max_side"), "max_side: 0 came", "--max-side: 0 came"),
        (
            OptionError("-2.0 came", option="style_layers relu1_1"),
            "style_layers relu1_1: -2.0 came",
            "--style-layers relu1_1: -2.0 came",
        ),
        (OptionError("2 came", option="content_masks"), "content_masks: 2 came", "--content-mask: 2 came"),
        (
            ProviderUnavailableError("`device='cuda:1'`: use `device='cpu'` or `max_side`, or say `overwrite=True`"),
            "`device='cuda:1'`: use `device='cpu'` or `max_side`, or say `overwrite=True`",
            "--device cuda:1: use --device cpu or --max-side, or say --overwrite",
        ),
        (OptionError("--strength is a flag already"), "--strength is a flag already", "--strength is a flag already"),
    ],
)
def test_options_are_named_as_they_are_given(error: Exception, in_python: str, on_the_command_line: str) -> None:
    assert str(error) == in_python
    assert with_flags(error) == on_the_command_line
    assert with_flags(with_flags(error)) == on_the_command_line
