"""What schemathesis sends as files: pictures, damaged ones, and anything else."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies

from server.mutations import whole_files

_FILES = list(whole_files().values())

schemathesis.openapi.format(
    "binary",
    strategies.one_of(
        strategies.sampled_from(_FILES),
        strategies.sampled_from(_FILES).map(lambda file: file[: len(file) // 2]),
        strategies.binary(max_size=64),
    ),
)
