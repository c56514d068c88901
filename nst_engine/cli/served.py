"""`nst stylize --server`: the pictures are painted by a service, and come back as its engine has made them."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from nst_engine.cli.option_flags import explicit_options, options_of
from nst_engine.cli.style_arguments import typed_shares, weighted_files
from nst_engine.environment import needed
from nst_engine.errors import BusyError, OptionError
from nst_engine.limits import ImageLimits
from nst_engine.runtimes.options import SessionOptions, StreamOptions

if TYPE_CHECKING:
    from nst_engine.client import ServedPicture, StylizeFields
    from nst_engine.stylize.result import StylizeResult

#: Where a service wants a key; on a command line others would see it.
KEY_VARIABLE = "NST_ENGINE_API_KEY"
_LONGEST_WAIT_S, _PAUSE_S = 300.0, 1.0


class ServedStylizer:
    """Has `stylize` as `nst_engine.Stylizer` has it.

    Args:
        arguments: Of the command.

    Attributes:
        shares: The styles by the names that results are called after, with their weights.

    Raises:
        OptionError: An argument that a service cannot be asked, or an address that is none.
        StyleNotFoundError: There is no such style image.
        MissingDependencyError: httpx is not installed.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        with needed("--server asks with httpx", "client"):
            from nst_engine.client import Client
        _check(arguments)
        self._limits = options_of(arguments, ImageLimits)
        self._fields = _fields(arguments)
        self.shares = typed_shares(arguments)
        try:
            self._client = Client(arguments.server, api_key=os.environ.get(KEY_VARIABLE), timeout=_LONGEST_WAIT_S)
        except OptionError as error:
            if error.option == "api_key":
                raise OptionError(str(error).replace("api_key", KEY_VARIABLE, 1)) from error
            raise OptionError(str(error).removeprefix("address: "), option="server") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def stylize(self, source: Any, style: object = None, **options: Any) -> StylizeResult[Any]:
        """Paint one picture; the service's styles and options are those of the command line.

        Raises:
            NSTError: What the service raises.
        """
        from nst_engine.image import load_image
        from nst_engine.stylize.result import StylizeResult

        started = time.perf_counter()
        options.pop("style_masks", None)
        served = self._asked(source, cast("StylizeFields", {**self._fields, **options}))
        picture = load_image(served.content, limits=self._limits)
        return StylizeResult(
            pixels=picture.pixels,
            alpha=picture.alpha,
            timings_ms={**served.timings_ms, "total": 1e3 * (time.perf_counter() - started)},
            provider=served.provider,
            model=served.model,
            styles=self.shares,
            kind="rgb",
            source_path=source if isinstance(source, Path) else None,
        )

    def _asked(self, source: Any, fields: StylizeFields) -> ServedPicture:
        """A service that has no room is asked again."""
        deadline = time.monotonic() + _LONGEST_WAIT_S
        while True:
            try:
                return self._client.stylize(source, **fields)
            except BusyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_S)
            except OptionError as error:
                if error.option != "api_key":
                    raise
                raise OptionError(f"--server: a key is wanted there; type: export {KEY_VARIABLE}=KEY") from error


def _check(arguments: argparse.Namespace) -> None:
    for record in (SessionOptions, StreamOptions):
        for name in explicit_options(arguments, record):
            raise OptionError("is for the engine of this machine; leave it out with --server", option=name)
    if arguments.style_masks:
        raise OptionError("--style-mask: a service paints the whole picture; leave --server out")
    if len(arguments.style_image) > 1:
        raise OptionError("--style-image: a service takes one; leave --server out to blend several")


def _fields(arguments: argparse.Namespace) -> StylizeFields:
    from nst_engine.catalogue import style_path

    fields: StylizeFields = {"format": "png"}
    if arguments.style is not None:
        fields["style"] = arguments.style
    if arguments.model is not None:
        fields["model"] = arguments.model
    for file, _ in weighted_files(arguments.style_image):
        fields["style_image"] = style_path(file)
    return fields
