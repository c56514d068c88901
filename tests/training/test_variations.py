"""Photos as they come in life: the same for the same seed, in range, and different from what they were."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from nst_engine.training.variations import as_shown, varied


@pytest.mark.parametrize("vary", [varied, as_shown])
def test_variations_follow_the_seed_and_stay_in_range(
    vary: Callable[[torch.Tensor, list[np.random.Generator]], torch.Tensor],
) -> None:
    photos = torch.rand(12, 3, 45, 70)
    first, again, other = (vary(photos, np.random.default_rng(seed).spawn(12)) for seed in (3, 3, 4))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, other)
    assert first.shape == photos.shape
    assert 0 <= float(first.min()) <= float(first.max()) <= 1
    changed = [not torch.equal(one, photo) for one, photo in zip(first, photos, strict=True)]
    assert 0 < sum(changed) < len(changed)
