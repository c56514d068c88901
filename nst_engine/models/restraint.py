"""What a network's restraint is called in files, and what it computes with: the same in torch and in the graph."""

from __future__ import annotations

#: The names of its numbers, styles×1 each, among a network's weights.
CALM, CONTRAST, EVENNESS = "restraint.calm", "restraint.contrast", "restraint.evenness"
#: The cells whose contrast is looked at, and the least contrast, 0-1, that half counts as calm.
CELL_PX, LEAST_CONTRAST = 8, 1e-3
#: Forms that may stand out by a thousand deviations stand out as they like.
LEAST_EVENNESS = 1e-3
