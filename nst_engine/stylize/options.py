"""What may be asked of a painting, checked before long work."""

from __future__ import annotations

from nst_engine.checks import require_count
from nst_engine.stylize.postprocess import MOST_STRENGTH, check_finish
from nst_engine.stylize.strokes import check_stroke_size


def check_options(
    strength: float,
    preserve_color: str | None,
    max_side: int | None,
    stroke_size: float = 1.0,
    *,
    most_strength: float = MOST_STRENGTH,
) -> None:
    """Refuse what `Stylizer.stylize` cannot do, before long work.

    Raises:
        OptionError: As there.
    """
    check_finish(strength, preserve_color, most_strength)
    check_stroke_size(stroke_size)
    if max_side is not None:
        require_count("max_side", max_side)
