"""What stylizers do by rule and have not learnt, node by node: they hold themselves back, and remove their halos."""

from __future__ import annotations

import numpy as np

from nst_engine.color import LUMA_WEIGHTS
from nst_engine.graphs.writing import GraphWriter
from nst_engine.models import halos
from nst_engine.models.restraint import CALM, CELL_PX, CONTRAST, EVENNESS, LEAST_CONTRAST, LEAST_EVENNESS
from nst_engine.models.triton import STYLE_WEIGHTS

_CELLS = "restraint.cells"


class RestrainedWriter(GraphWriter):
    """Writes those parts of a stylizer."""

    def _cells(self, bordered: str) -> str:
        """The photo at an eighth of the size, made once."""
        if _CELLS in {node.name for node in self.nodes}:
            return _CELLS
        # as a convolution: OpenVINO's pooling wants the picture laid out anew, which takes as long as a large layer
        mean = np.full((CELL_PX, CELL_PX), 1 / CELL_PX**2, np.float32)
        kernel = self._kept("restraint.mean", np.einsum("oi,yx->oiyx", np.eye(3, dtype=np.float32), mean))
        return self._node("Conv", _CELLS, bordered, kernel, strides=[CELL_PX, CELL_PX])

    def _restraint(self, bordered: str) -> str | None:
        """See `networks.restraint.Restraint`."""
        if CALM not in self._weights:
            return None
        cells = self._cells(bordered)
        difference = self._node("Sub", "restraint.difference", cells, self._surroundings("restraint.ground", cells))
        squared = self._node("Mul", "restraint.squared", difference, difference)
        energy = self._node("ReduceMean", "restraint.energy", squared, self._constant("channels", [1]))
        variance, one = self._surroundings("restraint.variance", energy), self._number("one", 1)
        of_style = self._of_styles(CONTRAST)
        half_calm = self._node("Mul", "restraint.half_calm", of_style, of_style)
        half_calm = self._node("Add", "restraint.not_0", half_calm, self._number("least", LEAST_CONTRAST**2))
        half_calm = self._reshaped(half_calm, "restraint.half", [-1, 1, 1, 1])
        calmness = self._node(
            "Div", "restraint.calmness", half_calm, self._node("Add", "restraint.raised", variance, half_calm)
        )
        lost = self._node("Sub", "restraint.lost", one, self._of_styles(CALM))
        lost = self._node("Mul", "restraint.there", calmness, self._reshaped(lost, "restraint.flat", [-1, 1, 1, 1]))
        return self._node("Sub", "restraint.share", one, lost)

    def _held_back(self, norm: str, added: str, share: str | None) -> str:
        """See `networks.restraint.held_back`; the mean is the normalisation's shift."""
        if share is None:
            return added
        mean = self._reshaped(f"{norm}.shift.blend", f"{norm}.mean", [0, -1, 1, 1])
        departures = self._node("Sub", f"{norm}.departures", added, mean)
        return self._node("Add", f"{norm}.held", self._node("Mul", f"{norm}.less", departures, share), mean)

    def _levelled(self, norm: str, forms: str) -> str:
        """See `networks.restraint.Restraint.levelled`."""
        if not np.any(self._weights.get(EVENNESS, 0)):
            return forms
        least = self._number("uneven", LEAST_EVENNESS)
        evenness = self._node("Max", "restraint.even", self._of_styles(EVENNESS), least)
        deviations = self._node("Abs", f"{norm}.deviations", f"{norm}.scale.blend")
        above = self._node("Div", f"{norm}.above", deviations, evenness)
        highest = self._node("Add", f"{norm}.top", above, f"{norm}.shift.blend")
        return self._node("Min", f"{norm}.levelled", forms, self._reshaped(highest, f"{norm}.highest", [0, -1, 1, 1]))

    def _surroundings(self, name: str, cells: str) -> str:
        return self._node("AveragePool", name, cells, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=0)

    def _without_halos(self, x: str, bordered: str) -> str:
        """See `networks.halos.Halos`."""
        if not np.any(self._weights.get(halos.REMOVED, 0)):
            return x
        weights = self._kept("halos.luma", LUMA_WEIGHTS.reshape(1, 3, 1, 1))
        weighted = self._node("Mul", "halos.weighted", self._cells(bordered), weights)
        grey = self._node("Add", "halos.grey", self._summed("halos.luminance", weighted), self._number("middle", -0.5))
        places = self._reshaped(self._of_styles(halos.REMOVED), "halos.of_style", [-1, 1, 1, 1])
        share = self._node("Mul", "halos.share", places, self._beside_edges(grey))
        wide = self._fitted("halos.ground", grey, x, halos.GROUND_CELLS, halos.SMOOTHED_CELLS)
        narrow = self._fitted("halos.strokes", grey, x, halos.STROKE_CELLS, halos.STROKE_CELLS)
        slope, height = (
            self._node("Sub", f"halos.{name}", *both)
            for name, both in zip(("slope", "height"), zip(wide, narrow, strict=True), strict=True)
        )
        moved = self._node("Add", "halos.moved", self._node("Mul", "halos.risen", slope, grey), height)
        return self._node("Add", "halos.output", x, self._node("Mul", "halos.taken", moved, share))

    def _beside_edges(self, grey: str) -> str:
        bordered = self._node(
            "Pad", "halos.bordered", grey, self._constant("one_pixel", [0, 0, 1, 1, 0, 0, 1, 1]), mode="edge"
        )
        kernels = np.zeros((2, 1, 3, 3), np.float32)
        kernels[0, 0, 1] = kernels[1, 0, :, 1] = -1, 0, 1
        changes = self._node("Conv", "halos.changes", bordered, self._kept("halos.differences", kernels))
        squared = self._node("Mul", "halos.squared", changes, changes)
        change = self._summed("halos.change", squared)
        enough = self._node("Add", "halos.enough", change, self._number("edge", halos.EDGE**2))
        edges = self._node("Div", "halos.edges", change, enough)
        side = 2 * halos.REACH_CELLS + 1
        beside = self._node("MaxPool", "halos.beside", edges, kernel_shape=[side, side], pads=[halos.REACH_CELLS] * 4)
        return self._mean("halos.softly", beside, 1)

    def _fitted(self, name: str, grey: str, x: str, window: int, smoothed: int) -> tuple[str, str]:
        """Slope and height of lines over the luminance."""
        mean = self._mean(f"{name}.mean", x, window)
        grey_mean = self._summed(f"{name}.grey", self._mean(f"{name}.plain", grey, window))
        together = self._mean(f"{name}.together", self._node("Mul", f"{name}.product", x, grey), window)
        alone = self._mean(f"{name}.alone", self._node("Mul", f"{name}.square", grey, grey), window)
        apart = self._node("Mul", f"{name}.apart", mean, grey_mean)
        covariance = self._node("Sub", f"{name}.covariance", together, apart)
        variance = self._node("Sub", f"{name}.variance", alone, self._node("Mul", f"{name}.even", grey_mean, grey_mean))
        variance = self._node("Add", f"{name}.some", variance, self._number("variance", halos.LEAST_VARIANCE))
        slope = self._node("Div", f"{name}.steep", covariance, variance)
        height = self._node("Sub", f"{name}.high", mean, self._node("Mul", f"{name}.rise", slope, grey_mean))
        return self._mean(f"{name}.slope", slope, smoothed), self._mean(f"{name}.height", height, smoothed)

    def _summed(self, name: str, x: str) -> str:
        """The sum over channels; of one it is that one, and no block of 8, as which OpenCV 5's `dnn` pools it."""
        return self._node("ReduceSum", name, x, self._constant("channels", [1]))

    def _mean(self, name: str, x: str, reach: int) -> str:
        side = 2 * reach + 1
        rows = self._node(
            "AveragePool", f"{name}.rows", x, kernel_shape=[1, side], pads=[0, reach, 0, reach], count_include_pad=0
        )
        return self._node(
            "AveragePool", name, rows, kernel_shape=[side, 1], pads=[reach, 0, reach, 0], count_include_pad=0
        )

    def _of_styles(self, name: str) -> str:
        """What all styles have of something, blended: N rows."""
        return self._node("MatMul", f"{name}.blend", STYLE_WEIGHTS, self._rows(name))

    def _rows(self, name: str) -> str:
        rows = self._stored(name)
        if self._weights[name].ndim == 2:
            return rows
        return self._reshaped(rows, f"{name}.rows", [len(self._weights[name]), -1])
