"""What a painting shall not show, against OpenCV and closed forms."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest
import torch

from nst_engine.catalogue import bundled_contents, bundled_styles
from nst_engine.image import load_image
from nst_engine.models.spec import STRIDE_PX
from nst_engine.training.artefacts import (
    calm_roughness,
    detail_kept,
    frame_loss,
    grid_loss,
    halo_loss,
    motif_loss,
    roughness_loss,
)
from nst_engine.training.photos import sized


def _planes(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def _contrast_by_opencv(image: np.ndarray) -> np.ndarray:
    height, width = (side // 8 for side in image.shape[:2])
    small = image[: height * 8, : width * 8].astype(np.float64).reshape(height, 8, width, 8, 3).mean((1, 3)) / 255
    around = cv2.GaussianBlur(small, (21, 21), 4, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(((small - around) ** 2).mean(2))


def _detail_by_opencv(image: np.ndarray) -> np.ndarray:
    grey = image.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    result: np.ndarray = cv2.Laplacian(cv2.GaussianBlur(grey, (13, 13), 1.5), cv2.CV_64F)
    return result


def _energies_by_opencv(image: np.ndarray) -> list[np.ndarray]:
    def blurred(array: np.ndarray, sigma: float) -> np.ndarray:
        side = 2 * round(2.5 * sigma) + 1
        return np.asarray(cv2.GaussianBlur(array, (side, side), sigma, borderType=cv2.BORDER_REPLICATE))

    fine = image.astype(np.float64) / 255
    levels = [fine, *(blurred(fine, sigma) for sigma in (1.0, 2.0, 4.0))]
    return [blurred(((a - b) ** 2).mean(2), 6.0) for a, b in itertools.pairwise(levels)]


def _halos_place_by_place(photo: np.ndarray, painted: np.ndarray) -> float:
    """In float64, by OpenCV where there is something for it, else by loops over places."""
    height, width = (side // 4 for side in photo.shape[:2])
    shape = (height, 4, width, 4, 3)
    before, after = (
        each[: height * 4, : width * 4].astype(np.float64).reshape(shape).mean((1, 3)) / 255
        for each in (photo, painted)
    )
    gradients = [
        cv2.Sobel(before, cv2.CV_64F, *order, ksize=1, borderType=cv2.BORDER_REPLICATE) for order in ((1, 0), (0, 1))
    ]
    change = np.sqrt(sum(each**2 for each in gradients).mean(2))
    within = {
        cells: cv2.dilate((change > 0.15).astype(np.uint8), np.ones((2 * cells + 1,) * 2, np.uint8)) > 0
        for cells in (1, 3, 5)
    }
    near, far = (change < 0.06) & within[3] & ~within[1], (change < 0.06) & ~within[5]
    aura = np.zeros_like(after)
    for row, column in np.argwhere(near):
        total, count = np.zeros(3), 1e-6
        for distance, turn in itertools.product((5, 7, 9), range(12)):
            angle = turn * math.pi / 6
            there = (row + round(distance * math.sin(angle)), column + round(distance * math.cos(angle)))
            if 0 <= there[0] < height and 0 <= there[1] < width and far[there]:
                alike = math.exp(-((before[there] - before[row, column]) ** 2).sum() / (2 * 0.05**2))
                total, count = total + alike * after[there], count + alike
        near[row, column] = count > 1
        aura[row, column] = (after[row, column] - total / count) * near[row, column]
    around, aura = (
        cv2.GaussianBlur(each, (17, 17), 3, borderType=cv2.BORDER_REPLICATE) for each in (near.astype(np.float64), aura)
    )
    aura /= np.maximum(around, 1e-6)[..., np.newaxis]
    beyond = np.maximum(np.sqrt((aura**2).mean(2)) - 0.03, 0) ** 2
    return float((near * beyond).mean() / max(near.mean(), 0.01))


def _dark_thing_on_a_ground(side: int = 203) -> np.ndarray:
    picture = np.full((side, side + 20, 3), (190, 200, 210), np.uint8)
    picture[60:140, 70:150] = (40, 30, 35)
    return picture


def test_detail_is_the_correlation_of_laplacians_of_gaussian() -> None:
    photo = sized(load_image(bundled_contents()["coffee"].path).pixels, 131)
    rng = np.random.default_rng(0)
    other = np.clip(photo[:, ::-1].astype(int) + rng.integers(-40, 40, photo.shape), 0, 255).astype(np.uint8)
    mixed = (photo // 2 + other // 2).astype(np.uint8)
    expected = np.corrcoef(_detail_by_opencv(photo).ravel(), _detail_by_opencv(mixed).ravel())[0, 1]
    assert float(detail_kept(_planes(photo), _planes(mixed))) == pytest.approx(expected, abs=2e-3)
    assert float(detail_kept(_planes(photo), _planes(photo))) == pytest.approx(1, abs=1e-5)


def test_motifs_are_what_stands_out_where_the_photo_is_calm() -> None:
    photo = sized(load_image(bundled_contents()["coffee"].path).pixels, 237)
    stylized = photo.copy()
    stylized[20:50, 30:60] = (250, 120, 30)
    before, after = _contrast_by_opencv(photo), _contrast_by_opencv(stylized)
    around = cv2.GaussianBlur(before, (11, 11), 2, borderType=cv2.BORDER_REPLICATE)
    expected = (0.04**2 / (0.04**2 + around) * np.maximum(after - 0.05**2, 0)).mean()
    assert float(motif_loss(_planes(photo), _planes(stylized))) == pytest.approx(expected, rel=1e-3)


def test_a_motif_counts_in_a_sky_and_not_in_foliage() -> None:
    rng = np.random.default_rng(0)
    sky = np.full((256, 256, 3), 180, np.uint8)
    foliage = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    values = []
    for photo in (sky, foliage):
        stamped = photo.copy()
        stamped[100:140, 100:140] = (250, 120, 30)
        values.append(float(motif_loss(_planes(photo), _planes(stamped)) - motif_loss(_planes(photo), _planes(photo))))
    assert values[0] > 10 * abs(values[1])
    assert float(motif_loss(_planes(sky), _planes(sky))) == 0


def test_calm_parts_are_as_rough_as_the_calmest_quarter_of_a_painting() -> None:
    paintings = [sized(load_image(bundled_styles()[name].path).pixels, 203) for name in ("great-wave", "starry-night")]
    found = [calm_roughness(_planes(painting))[0].numpy() for painting in paintings]
    for painting, roughness in zip(paintings, found, strict=True):
        expected = [np.sqrt(np.quantile(energy[::4, ::4], 0.25)) for energy in _energies_by_opencv(painting)]
        np.testing.assert_allclose(roughness, expected, rtol=1e-3)
    assert found[0][1] < 0.6 * found[1][1], "the sky of the print is calm, the starry one is all strokes"


def test_what_is_rougher_than_the_paintings_calm_parts_counts_where_the_photo_is_calm() -> None:
    photo = sized(load_image(bundled_contents()["rocket"].path).pixels, 231)
    rng = np.random.default_rng(0)
    stylized = np.clip(photo + rng.normal(0, 12, photo.shape), 0, 255).astype(np.uint8)
    allowed = np.array([0.02, 0.01, 0.005])
    is_calm = 0.02**2 / (0.02**2 + np.sum(_energies_by_opencv(photo), 0))
    expected = sum(
        (is_calm * np.maximum(np.sqrt(energy) - 1.25 * most, 0) ** 2).mean()
        for energy, most in zip(_energies_by_opencv(stylized), allowed, strict=True)
    )
    calm = torch.tensor(allowed, dtype=torch.float32)[None]
    assert float(roughness_loss(_planes(photo), _planes(stylized), calm)) == pytest.approx(expected, rel=1e-2)
    assert float(roughness_loss(_planes(photo), _planes(photo), calm)) < expected / 4


def test_a_halo_is_another_colour_beside_an_edge_than_further_away_on_the_same_ground() -> None:
    rocket = sized(load_image(bundled_contents()["rocket"].path).pixels, 181)
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8).astype(np.float32)
    for photo in (_dark_thing_on_a_ground(), rocket):
        clouds = cv2.resize(grey, photo.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        painted = np.clip(0.6 * photo + 0.4 * clouds, 0, 255).astype(np.uint8)
        expected = _halos_place_by_place(photo, painted)
        assert expected > 1e-4
        assert float(halo_loss(_planes(photo), _planes(painted))) == pytest.approx(expected, rel=2e-3)


def test_halos_count_while_strokes_and_new_colours_do_not() -> None:
    photo = _dark_thing_on_a_ground()
    is_thing = (photo[..., 0] < 100).astype(np.uint8)
    away = cv2.distanceTransform(1 - is_thing, cv2.DIST_L2, 5)[..., np.newaxis]
    halo = np.where((away > 0) & (away < 16), np.uint8(250), photo)
    strokes = np.random.default_rng(0).normal(0, 40, (51, 56)).repeat(4, 0).repeat(4, 1)[: len(photo), : photo.shape[1]]
    brushed = np.clip(photo[..., ::-1] * 0.7 + strokes[..., np.newaxis], 0, 255).astype(np.uint8)
    with_halo, without = (float(halo_loss(_planes(photo), _planes(each))) for each in (halo, brushed))
    assert with_halo > 0.005
    assert without < 0.1 * with_halo
    assert float(halo_loss(_planes(photo), _planes(photo))) == 0


def test_there_are_no_halos_where_there_is_no_ground_or_no_edge() -> None:
    rng = np.random.default_rng(0)
    painted = _planes(rng.integers(0, 256, (96, 100, 3), dtype=np.uint8))
    edges_alone = rng.integers(0, 256, (24, 25, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    for photo in (np.full((96, 100, 3), 90, np.uint8), edges_alone):
        assert float(halo_loss(_planes(photo), painted)) == 0


def test_a_frame_is_colours_along_the_top_and_the_left_that_differ_over_cells_or_along_lines() -> None:
    rng = np.random.default_rng(0)
    alone, within = rng.uniform(size=(2, 2, 3, 75, 101))
    difference = alone - within
    difference -= difference[:, :, 24:, 24:].mean((2, 3), keepdims=True)
    top = difference[:, :, :24, :96].reshape(2, 3, 3, 8, 3, 32).mean((3, 5))
    left = difference[:, :, :64, :24].reshape(2, 3, 2, 32, 3, 8).mean((3, 5))
    cells = ((top**2).mean() + (left**2).mean()) / 2
    of_top, of_left = difference[:, :, :24].mean(3), difference[:, :, :, :24].mean(2)
    expected = cells + 4 * ((of_top**2).mean() + (of_left**2).mean()) / 2
    found = frame_loss(torch.from_numpy(alone), torch.from_numpy(within))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_a_painted_frame_counts_and_strokes_do_not() -> None:
    rng = np.random.default_rng(0)
    painting = torch.from_numpy(rng.uniform(0.35, 0.65, (1, 3, 96, 128)).astype(np.float32))
    framed = painting.clone()
    framed[..., :6, :] += 0.1
    moved = painting.roll(3, -1)  # the same strokes elsewhere
    assert float(frame_loss(framed, painting)) > 5 * float(frame_loss(moved, painting))
    lined = painting.clone()
    lined[..., 12:14, :] += 0.2  # a thin line
    assert float(frame_loss(lined, painting)) > 5 * float(frame_loss(moved, painting))
    assert float(frame_loss(painting + 0.1, painting)) < 1e-12  # all of it is lighter


def test_a_grid_counts_and_what_is_painted_does_not() -> None:
    torch.manual_seed(0)
    stylized = torch.rand(1, 3, 20 * STRIDE_PX, 20 * STRIDE_PX + 5)
    grid = stylized.clone()
    grid[..., ::STRIDE_PX, :] += 0.2
    assert float(grid_loss(grid)) > 3 * float(grid_loss(stylized))
    share = 1 / STRIDE_PX
    regular = torch.zeros(1, 3, 4 * STRIDE_PX, 4 * STRIDE_PX)
    regular[..., ::STRIDE_PX, :] = 0.2
    assert float(grid_loss(regular)) == pytest.approx(0.04 * share * (1 - share), rel=1e-4)
