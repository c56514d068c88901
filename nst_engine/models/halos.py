"""What the removal of halos is called in files, and what it computes with: the same in torch and in the graph."""

from __future__ import annotations

#: The name of its number, styles×1, among a network's weights.
REMOVED = "halos.removed"
#: In cells of `models.restraint.CELL_PX`, how far a ground reaches that is of one colour, over how many more what is
#: found about it is averaged, and how far strokes reach, which stay.
GROUND_CELLS, SMOOTHED_CELLS, STROKE_CELLS = 5, 2, 1
#: Change of the luminance over two cells, 0-1, that half counts as an edge, and how many cells from one halos reach.
EDGE, REACH_CELLS = 0.1, 3
#: Below this variance of the luminance, 0-1, there is one ground and not two.
LEAST_VARIANCE = 3e-3
