from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg  # type: ignore[import-untyped]
import torch

from nst_engine.vgg19.layers import GramNormalization
from nst_engine.vgg19.losses import (
    FeatureStatistics,
    content_loss,
    gram_factor,
    gram_loss,
    moments_loss,
    total_variation_loss,
)

Float64 = npt.NDArray[np.float64]
Loss = Callable[[torch.Tensor], torch.Tensor]

#: 260 x 255 are more pixels than one slice of the statistics.
SIZES = [(5, 3, 5), (5, 260, 255), (7, 3, 5), (7, 17, 9), (7, 260, 255), (64, 3, 5), (64, 17, 9)]
#: More pixels than channels: every covariance has full rank.
FULL_RANK_SIZES = [(5, 3, 5), (7, 3, 5), (7, 17, 9), (7, 260, 255), (64, 17, 9)]
STYLE_PLANE = (9, 11)
LAYOUTS = [torch.contiguous_format, torch.channels_last]
WEIGHTED = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


def features_of(channels: int, height: int, width: int, *, seed: int = 0, gain: float = 1.0) -> torch.Tensor:
    """Float32 1 x C x H x W, non-negative with zeros, neighbouring channels correlated, like a ReLU's output."""
    numbers = np.random.default_rng(seed).normal(0.2, gain, (1, channels, height, width))
    numbers[:, 1:] += 0.5 * numbers[:, :-1]
    return torch.from_numpy(np.maximum(numbers, 0).astype(np.float32))


def pixel_weights_of(height: int, width: int) -> torch.Tensor:
    weights = np.random.default_rng(5).random((height, width)) ** 3
    weights[: height // 3] = 0
    return torch.from_numpy((weights / weights.sum()).astype(np.float32))


def weights_if(weighted: bool, size: tuple[int, int, int]) -> torch.Tensor | None:
    return pixel_weights_of(*size[1:]) if weighted else None


def columns(features: torch.Tensor) -> Float64:
    """C x HW float64."""
    return features.detach().double().numpy().reshape(features.shape[1], -1)


def shares(features: torch.Tensor, pixel_weights: torch.Tensor | None) -> Float64:
    """HW float64, sum 1."""
    pixels = features.shape[2] * features.shape[3]
    return np.full(pixels, 1 / pixels) if pixel_weights is None else pixel_weights.double().numpy().ravel()


def moments_of(features: torch.Tensor, pixel_weights: torch.Tensor | None = None) -> tuple[Float64, Float64]:
    rows, weights = columns(features), shares(features, pixel_weights)
    return rows @ weights, (rows * weights) @ rows.T


def relative_error(actual: torch.Tensor, expected: Float64) -> float:
    return float(np.linalg.norm(actual.detach().double().numpy() - expected) / np.linalg.norm(expected))


def value_and_gradient(loss: Loss, features: torch.Tensor) -> tuple[float, torch.Tensor]:
    leaf = features.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    value = loss(leaf)
    value.backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    assert leaf.grad.dtype == features.dtype
    assert leaf.grad.shape == features.shape
    return value.item(), leaf.grad


def style_of(channels: int) -> torch.Tensor:
    return features_of(channels, *STYLE_PLANE, seed=1, gain=1.5)


def naive_gram(
    features: torch.Tensor, target: Float64, factor: float, pixel_weights: torch.Tensor | None
) -> tuple[float, Float64]:
    """Loss and gradient in float64: d/dF factor |F W F' - A|^2 = 4 factor (F W F' - A) F W."""
    rows, weights = columns(features), shares(features, pixel_weights)
    difference = (rows * weights) @ rows.T - target
    gradient = 4 * factor * difference @ (rows * weights)
    return factor * float((difference**2).sum()), gradient.reshape(tuple(features.shape))


def naive_moments(
    features: torch.Tensor, style: torch.Tensor, pixel_weights: torch.Tensor | None
) -> tuple[float, Float64]:
    """Loss and gradient in float64 without a matrix root.

    With S = X X' and T = Y Y' (X, Y: centred, weighted pixels), tr (T^1/2 S T^1/2)^1/2 is the nuclear norm of X'Y.
    Y may be any factor of T; C columns or fewer keep the decomposition small.
    """
    leaf = torch.from_numpy(columns(features)).requires_grad_()
    weights = torch.from_numpy(shares(features, pixel_weights))
    mean = leaf @ weights
    centred = (leaf - mean[:, None]) * weights.sqrt()
    target_mean, target_moment = (torch.from_numpy(part) for part in moments_of(style))
    covariance = target_moment - torch.outer(target_mean, target_mean)
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > 1e-12
    factor = vectors[:, kept] * values[kept].sqrt()
    overlap = torch.linalg.matrix_norm(centred.T @ factor, "nuc")
    distance = (mean - target_mean).square().sum() + centred.square().sum() + covariance.trace() - 2 * overlap
    value = distance / target_moment.trace()
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.item(), gradient.numpy().reshape(tuple(features.shape))


def check_gram_loss(
    features: torch.Tensor, factor: float, weights: torch.Tensor | None, *, value_rel: float, gradient_rel: float
) -> None:
    style = style_of(features.shape[1])
    target = FeatureStatistics.of(style)
    value, gradient = value_and_gradient(lambda x: gram_loss(x, target, factor, weights), features)
    expected, expected_gradient = naive_gram(features, moments_of(style)[1], factor, weights)
    assert value == pytest.approx(expected, rel=value_rel)
    assert relative_error(gradient, expected_gradient) < gradient_rel


def check_moments_loss(
    features: torch.Tensor,
    weights: torch.Tensor | None = None,
    *,
    gradient_rel: float,
    rel: float | None = None,
    abs: float | None = None,  # noqa: A002
) -> None:
    style = style_of(features.shape[1])
    target = FeatureStatistics.of(style)
    value, gradient = value_and_gradient(lambda x: moments_loss(x, target, weights), features)
    expected, expected_gradient = naive_moments(features, style, weights)
    assert value == pytest.approx(expected, rel=rel, abs=abs)
    assert relative_error(gradient, expected_gradient) < gradient_rel


class TestStatistics:
    @pytest.mark.parametrize("layout", LAYOUTS, ids=["contiguous", "channels_last"])
    @WEIGHTED
    @pytest.mark.parametrize("size", SIZES)
    def test_are_those_of_float64(
        self, size: tuple[int, int, int], weighted: bool, layout: torch.memory_format
    ) -> None:
        features = features_of(*size).contiguous(memory_format=layout)
        weights = weights_if(weighted, size)
        actual = FeatureStatistics.of(features, weights)
        mean, second_moment = moments_of(features, weights)
        assert actual.mean.dtype == actual.second_moment.dtype == torch.float32
        # all terms are positive: no cancellation, so every entry holds on its own
        np.testing.assert_allclose(actual.mean.numpy(), mean, rtol=2e-5)
        np.testing.assert_allclose(actual.second_moment.numpy(), second_moment, rtol=2e-5)

    @WEIGHTED
    def test_of_bfloat16_features_are_summed_in_float32(self, weighted: bool) -> None:
        features = features_of(7, 260, 255).bfloat16()
        weights = weights_if(weighted, (7, 260, 255))
        actual = FeatureStatistics.of(features, weights)
        mean, second_moment = moments_of(features, weights)
        assert actual.second_moment.dtype == torch.float32
        np.testing.assert_allclose(actual.mean.numpy(), mean, rtol=2e-5)
        np.testing.assert_allclose(actual.second_moment.numpy(), second_moment, rtol=2e-5)

    def test_weights_that_mark_a_rectangle_give_those_of_the_crop(self) -> None:
        features = features_of(7, 17, 9)
        region = torch.zeros(17, 9)
        region[3:11, 2:7] = 1 / 40
        actual = FeatureStatistics.of(features, region)
        crop = FeatureStatistics.of(features[:, :, 3:11, 2:7])
        torch.testing.assert_close(actual.mean, crop.mean)
        torch.testing.assert_close(actual.second_moment, crop.second_moment)

    def test_of_two_pictures_at_once_are_refused(self) -> None:
        with pytest.raises(ValueError, match="one picture were wanted, 2 came"):
            FeatureStatistics.of(torch.zeros(2, 5, 3, 3))

    def test_blend_is_the_weighted_sum(self) -> None:
        styles = [features_of(5, 8, 7, seed=1), features_of(5, 3, 4, seed=2), features_of(5, 6, 6, seed=3)]
        blend = FeatureStatistics.blend([FeatureStatistics.of(style) for style in styles], [0.5, 0.3, 0.2])
        parts = [moments_of(style) for style in styles]
        for actual, place in ((blend.mean, 0), (blend.second_moment, 1)):
            expected = 0.5 * parts[0][place] + 0.3 * parts[1][place] + 0.2 * parts[2][place]
            assert relative_error(actual, expected) < 1e-6

    def test_blend_wants_a_weight_for_each_part(self) -> None:
        part = FeatureStatistics.of(features_of(5, 3, 3))
        with pytest.raises(ValueError, match="zip"):
            FeatureStatistics.blend([part, part], [1.0])


class TestGramLoss:
    @pytest.mark.parametrize("layout", LAYOUTS, ids=["contiguous", "channels_last"])
    @WEIGHTED
    @pytest.mark.parametrize("size", SIZES)
    def test_value_and_gradient_are_those_of_float64(
        self, size: tuple[int, int, int], weighted: bool, layout: torch.memory_format
    ) -> None:
        features = features_of(*size).contiguous(memory_format=layout)
        # 66300 float32 products a sum: 2e-5 was seen
        check_gram_loss(features, 0.37, weights_if(weighted, size), value_rel=1e-4, gradient_rel=1e-4)

    def test_64_channels_over_several_slices(self) -> None:
        features = features_of(64, 260, 255).contiguous(memory_format=torch.channels_last)
        check_gram_loss(features, 0.37, pixel_weights_of(260, 255), value_rel=1e-4, gradient_rel=1e-4)

    @WEIGHTED
    def test_bfloat16_features_get_a_bfloat16_gradient(self, weighted: bool) -> None:
        features = features_of(64, 17, 9).bfloat16()
        check_gram_loss(features, 1.0, weights_if(weighted, (64, 17, 9)), value_rel=1e-5, gradient_rel=8e-3)

    def test_gradient_passes_on_through_the_features_and_the_sum(self) -> None:
        features = features_of(5, 4, 6)
        target = FeatureStatistics.of(style_of(5))
        _, alone = value_and_gradient(lambda x: gram_loss(x, target, 1.0), 2 * features)
        _, both = value_and_gradient(
            lambda x: 3 * gram_loss(2 * x, target, 1.0) + gram_loss(2 * x, target, 0.5) + x.sum(), features
        )
        torch.testing.assert_close(both, 3.5 * 2 * alone + 1)

    def test_does_not_change_the_features(self) -> None:
        features = features_of(5, 4, 6)
        before = features.clone()
        target = FeatureStatistics.of(features_of(5, *STYLE_PLANE, seed=1))
        leaf = features.requires_grad_()
        loss = gram_loss(leaf, target, 1.0) + moments_loss(leaf, target)
        loss.backward()  # type: ignore[no-untyped-call]
        assert torch.equal(leaf.detach(), before)

    @pytest.mark.parametrize("size", [(5, 17, 9), (64, 3, 5)])
    def test_of_the_style_itself_is_zero(self, size: tuple[int, int, int]) -> None:
        features = features_of(*size)
        target = FeatureStatistics.of(features)
        value, gradient = value_and_gradient(lambda x: gram_loss(x, target, 1.0), features)
        assert value < 1e-10
        assert gradient.abs().max() < 1e-6

    def test_blended_target_pulls_like_the_weighted_sum_of_losses(self) -> None:
        styles = [FeatureStatistics.of(features_of(7, 8, 9, seed=s, gain=0.5 + s)) for s in (1, 2)]
        blend = FeatureStatistics.blend(styles, [0.3, 0.7])
        offsets = []
        for seed in (3, 4):
            features = features_of(7, 17, 9, seed=seed)
            value, gradient = value_and_gradient(lambda x: gram_loss(x, blend, 0.1), features)
            sum_value, sum_gradient = value_and_gradient(
                lambda x: 0.3 * gram_loss(x, styles[0], 0.1) + 0.7 * gram_loss(x, styles[1], 0.1), features
            )
            torch.testing.assert_close(gradient, sum_gradient, rtol=1e-4, atol=1e-6)
            offsets.append(sum_value - value)
        assert offsets[0] == pytest.approx(offsets[1], rel=1e-4)
        assert offsets[0] > 1e-3


class TestGramFactor:
    @pytest.mark.parametrize("output_plane", [(7, 11), (3, 5)])
    @pytest.mark.parametrize("normalization", ["none", "hw", "chw", "target"])
    def test_gives_the_mean_squared_difference_of_gram_matrices(
        self, normalization: GramNormalization, output_plane: tuple[int, int]
    ) -> None:
        channels, pixels = 5, output_plane[0] * output_plane[1]
        features = features_of(channels, *output_plane)
        style = style_of(channels)
        style_pixels = STYLE_PLANE[0] * STYLE_PLANE[1]
        style_gram = columns(style) @ columns(style).T * (pixels / style_pixels)
        gram = columns(features) @ columns(features).T
        expected = {
            "none": np.mean((gram - style_gram) ** 2),
            "hw": np.mean((gram / pixels - style_gram / pixels) ** 2),
            "chw": np.mean((gram / (channels * pixels) - style_gram / (channels * pixels)) ** 2),
            "target": np.sum((gram - style_gram) ** 2) / np.sum(style_gram**2),
        }[normalization]
        target = FeatureStatistics.of(style)
        factor = gram_factor(normalization, target, pixels)
        assert gram_loss(features, target, factor).item() == pytest.approx(expected, rel=1e-5)

    def test_hw_is_four_times_equation_4_of_the_paper(self) -> None:
        channels, height, width = 7, 6, 9
        features, style = features_of(channels, height, width), features_of(channels, height, width, seed=1)
        gram, style_gram = columns(features) @ columns(features).T, columns(style) @ columns(style).T
        paper = np.sum((gram - style_gram) ** 2) / (4 * channels**2 * (height * width) ** 2)
        target = FeatureStatistics.of(style)
        factor = gram_factor("hw", target, height * width)
        assert gram_loss(features, target, factor).item() == pytest.approx(4 * paper, rel=1e-5)

    def test_target_does_not_depend_on_the_scale_of_the_weights(self) -> None:
        features, style = features_of(5, 7, 11), features_of(5, *STYLE_PLANE, seed=1)
        losses = []
        for scale in (1.0, 255.0):
            target = FeatureStatistics.of(scale * style)
            losses.append(gram_loss(scale * features, target, gram_factor("target", target, 77)).item())
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)

    def test_of_a_style_without_any_response_is_finite(self) -> None:
        target = FeatureStatistics.of(torch.zeros(1, 5, 3, 3))
        assert np.isfinite(gram_factor("target", target, 9))


class TestMomentsLoss:
    @WEIGHTED
    @pytest.mark.parametrize("size", FULL_RANK_SIZES)
    def test_value_is_that_of_scipys_matrix_root(self, size: tuple[int, int, int], weighted: bool) -> None:
        weights = weights_if(weighted and size[1:] != (3, 5), size)
        features, style = features_of(*size), style_of(size[0])
        mean, moment = moments_of(features, weights)
        style_mean, style_moment = moments_of(style)
        covariance = moment - np.outer(mean, mean)
        style_covariance = style_moment - np.outer(style_mean, style_mean)
        root = scipy.linalg.sqrtm(style_covariance).real
        cross = scipy.linalg.sqrtm(root @ covariance @ root).real
        distance = np.sum((mean - style_mean) ** 2) + np.trace(covariance + style_covariance - 2 * cross)
        actual = moments_loss(features, FeatureStatistics.of(style), weights)
        assert actual.dtype == torch.float32
        assert actual.item() == pytest.approx(distance / np.trace(style_moment), rel=1e-4)

    @pytest.mark.parametrize("layout", LAYOUTS, ids=["contiguous", "channels_last"])
    @WEIGHTED
    @pytest.mark.parametrize("size", FULL_RANK_SIZES)
    def test_value_and_gradient_are_those_of_float64(
        self, size: tuple[int, int, int], weighted: bool, layout: torch.memory_format
    ) -> None:
        features = features_of(*size).contiguous(memory_format=layout)
        check_moments_loss(features, weights_if(weighted, size), rel=1e-4, gradient_rel=1e-4)

    def test_gradient_is_the_slope_of_scipys_value(self) -> None:
        features, style = features_of(5, 4, 6), style_of(5)
        target = FeatureStatistics.of(style)
        _, gradient = value_and_gradient(lambda x: moments_loss(x, target), features)
        style_mean, style_moment = moments_of(style)
        root = scipy.linalg.sqrtm(style_moment - np.outer(style_mean, style_mean)).real

        def distance(rows: Float64) -> float:
            mean = rows.mean(1)
            covariance = rows @ rows.T / rows.shape[1] - np.outer(mean, mean)
            cross = scipy.linalg.sqrtm(root @ covariance @ root).real
            return float(np.sum((mean - style_mean) ** 2) + np.trace(covariance - 2 * cross))

        rows, step = columns(features), 1e-5
        for seed in range(5):
            direction = np.random.default_rng(seed).normal(size=rows.shape)
            slope = (distance(rows + step * direction) - distance(rows - step * direction)) / (2 * step)
            expected = slope / np.trace(style_moment)
            assert np.sum(columns(gradient) * direction) == pytest.approx(expected, rel=1e-3, abs=1e-5)

    @pytest.mark.parametrize("size", [(64, 3, 5), (64, 6, 9)])
    def test_fewer_pixels_than_channels(self, size: tuple[int, int, int]) -> None:
        check_moments_loss(features_of(*size), abs=3e-5, gradient_rel=1e-3)

    def test_bfloat16_features_get_a_bfloat16_gradient(self) -> None:
        check_moments_loss(features_of(7, 17, 9).bfloat16(), rel=1e-4, gradient_rel=3e-2)

    @pytest.mark.parametrize("size", [(5, 17, 9), (64, 17, 9), (64, 3, 5), (7, 260, 255)])
    def test_of_the_style_itself_is_about_zero(self, size: tuple[int, int, int]) -> None:
        features = features_of(*size)
        value, gradient = value_and_gradient(lambda x: moments_loss(x, FeatureStatistics.of(features)), features)
        other = FeatureStatistics.of(style_of(size[0]))
        _, usual = value_and_gradient(lambda x: moments_loss(x, other), features)
        assert 0 <= value < 1e-4
        assert gradient.norm() < 1e-2 * usual.norm()

    def test_falls_when_the_gradient_is_followed(self) -> None:
        features = features_of(64, 3, 5)
        target = FeatureStatistics.of(style_of(64))
        values = []
        for _ in range(5):
            value, gradient = value_and_gradient(lambda x: moments_loss(x, target), features)
            values.append(value)
            features = features - 0.05 * value / gradient.square().sum() * gradient
        assert values == sorted(values, reverse=True)
        assert values[-1] < 0.9 * values[0]

    @pytest.mark.parametrize("dead", ["both", "features", "style"])
    def test_channels_that_never_respond(self, dead: str) -> None:
        features, style = features_of(7, 17, 9), style_of(7)
        if dead in ("both", "features"):
            features[:, 2:4] = 0
        if dead in ("both", "style"):
            style[:, 2:4] = 0
        target = FeatureStatistics.of(style)
        value, gradient = value_and_gradient(lambda x: moments_loss(x, target), features)
        expected, expected_gradient = naive_moments(features, style, None)
        assert value == pytest.approx(expected, abs=3e-5)
        assert gradient.isfinite().all()
        live = [0, 1, 4, 5, 6]
        assert relative_error(gradient[:, live], expected_gradient[:, live]) < 1e-3

    @pytest.mark.parametrize(("gain", "style_gain"), [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)])
    def test_layers_that_never_respond_are_finite(self, gain: float, style_gain: float) -> None:
        features, style = gain * features_of(5, 4, 6), style_gain * features_of(5, *STYLE_PLANE, seed=1)
        target = FeatureStatistics.of(style)
        value, gradient = value_and_gradient(lambda x: moments_loss(x, target), features)
        assert np.isfinite(value)
        assert gradient.isfinite().all()
        if gain == 0:
            assert value == pytest.approx(style_gain, abs=1e-6)


class TestContentLoss:
    @pytest.mark.parametrize("size", SIZES[:2])
    @pytest.mark.parametrize("layout", LAYOUTS, ids=["contiguous", "channels_last"])
    def test_value_and_gradient(self, size: tuple[int, int, int], layout: torch.memory_format) -> None:
        features = features_of(*size).contiguous(memory_format=layout)
        target = features_of(*size, seed=1)
        value, gradient = value_and_gradient(lambda x: content_loss(x, target, 0.3), features)
        difference = features.double().numpy() - target.double().numpy()
        assert value == pytest.approx(0.3 * np.sum(difference**2), rel=1e-5)
        np.testing.assert_allclose(gradient.numpy(), 0.6 * difference, rtol=1e-5, atol=1e-7)

    def test_bfloat16_features_are_summed_in_float32(self) -> None:
        features = features_of(64, 31, 33).bfloat16()
        target = features_of(64, 31, 33, seed=1).bfloat16()
        value, gradient = value_and_gradient(lambda x: content_loss(x, target, 1.0), features)
        difference = features.double().numpy() - target.double().numpy()
        assert content_loss(features, target, 1.0).dtype == torch.float32
        assert value == pytest.approx(np.sum(difference**2), rel=1e-3)
        assert relative_error(gradient, 2 * difference) < 8e-3


class TestTotalVariationLoss:
    @pytest.mark.parametrize("plane", [(2, 2), (3, 5), (33, 47)])
    def test_value_is_that_of_float64(self, plane: tuple[int, int]) -> None:
        image = np.random.default_rng(0).random((3, *plane), np.float32)
        wide = image.astype(np.float64)
        expected = np.mean(np.diff(wide, axis=2) ** 2) + np.mean(np.diff(wide, axis=1) ** 2)
        assert total_variation_loss(torch.from_numpy(image)[None]).item() == pytest.approx(expected, rel=1e-5)

    def test_of_ramps(self) -> None:
        across, down = torch.linspace(0, 1, 11), torch.linspace(0, 1, 6)[:, None]
        assert total_variation_loss(across.expand(1, 3, 6, 11)).item() == pytest.approx(0.1**2, rel=1e-4)
        assert total_variation_loss(down.expand(1, 3, 6, 11)).item() == pytest.approx(0.2**2, rel=1e-4)
        assert total_variation_loss(torch.full((1, 3, 6, 11), 0.7)).item() == 0

    def test_gradient_is_that_of_finite_differences(self) -> None:
        image = torch.rand(1, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        assert torch.autograd.gradcheck(total_variation_loss, (image.requires_grad_(),))
