"""A cluster of two nodes on this machine, and pictures for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nst_engine.image import save_image


@dataclass
class TwoNodes:
    """The first node drives and cannot be killed; the second one may.

    Attributes:
        address: Of the cluster.
        store: The address of the store's server.
    """

    address: str
    store: str
    _cluster: Any
    _second: Any = None

    def add_second(self) -> None:
        if self._second is None:
            self._second = self._cluster.add_node(num_cpus=1, object_store_memory=200_000_000)

    def kill_second(self) -> None:
        self._cluster.remove_node(self._second, allow_graceful=False)
        self._second = None

    @contextlib.contextmanager
    def a_gpu_said(self) -> Iterator[None]:
        """A third node that claims to have a GPU, of which engines there find nothing."""
        node = self._cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=200_000_000)
        try:
            yield
        finally:
            self._cluster.remove_node(node, allow_graceful=True)


def write_photos(folder: Path, count: int, *, height: int = 40, width: int = 56) -> None:
    """Small pictures, each another one."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(count)
    for number in range(count):
        coarse = rng.integers(0, 256, (5, 7, 3), np.uint8)
        pixels = coarse.repeat(-(-height // 5), 0).repeat(-(-width // 7), 1)[:height, :width]
        save_image(folder / f"{number:05d}.png", np.ascontiguousarray(pixels))
