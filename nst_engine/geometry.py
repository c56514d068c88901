"""Sizes only: how pictures are fitted."""

from __future__ import annotations


def fit_longer_side(height: int, width: int, longer_side: int) -> tuple[int, int]:
    """Height and width with the longer one exactly `longer_side` px, the other in proportion and at least 1."""
    longest = max(height, width)
    return max(1, round(height * longer_side / longest)), max(1, round(width * longer_side / longest))
