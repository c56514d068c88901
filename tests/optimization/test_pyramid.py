import itertools

import pytest

from nst_engine.errors import OptionError
from nst_engine.geometry import fit_longer_side
from nst_engine.optimization.options import OptimizeOptions
from nst_engine.optimization.pyramid import COARSEST_SIDE_PX, plan_scales
from nst_engine.options import declared


@pytest.mark.parametrize(("height", "width"), [(341, 512), (512, 341), (512, 512), (3000, 4001), (97, 640)])
@pytest.mark.parametrize("image_size", [128, 512, 1023])
def test_the_last_scale_is_the_full_size_and_each_is_root_two_of_the_one_before(
    height: int, width: int, image_size: int
) -> None:
    scales = plan_scales(height, width, image_size=image_size, num_iterations=None, pyramid=True)
    assert (scales[-1].height, scales[-1].width) == fit_longer_side(height, width, image_size)
    assert max(scales[-1].height, scales[-1].width) == image_size
    assert scales[-1].ratio == 1
    for coarse, fine in itertools.pairwise(scales):
        assert fine.ratio / coarse.ratio == pytest.approx(2**0.5)
        assert coarse.iterations >= fine.iterations
    full_side = min(scales[-1].height, scales[-1].width)
    if len(scales) > 1:
        assert full_side * scales[0].ratio >= COARSEST_SIDE_PX * 0.999
    assert full_side * scales[0].ratio / 2**0.5 < COARSEST_SIDE_PX


@pytest.mark.parametrize("total", [1, 2, 3, 7, 50, 215, 1000, 12345])
def test_iterations_are_shared_out_to_the_last_one(total: int) -> None:
    scales = plan_scales(512, 512, image_size=512, num_iterations=total, pyramid=True)
    assert sum(scale.iterations for scale in scales) == total
    assert all(scale.iterations >= 1 for scale in scales)


@pytest.mark.parametrize(("shape", "height"), [("16:9", 288), ("a square", 512)])
def test_the_help_says_how_many_iterations_a_shape_takes(shape: str, height: int) -> None:
    scales = plan_scales(height, 512, image_size=512, num_iterations=None, pyramid=True)
    helped = declared(OptimizeOptions)["num_iterations"].text
    assert f"{sum(scale.iterations for scale in scales)} for {shape}" in helped


def test_without_pyramid_all_iterations_are_spent_at_full_size() -> None:
    (scale,) = plan_scales(300, 451, image_size=400, num_iterations=33, pyramid=False)
    assert (scale.height, scale.width, scale.iterations) == (266, 400, 33)


def test_a_picture_too_narrow_for_the_network_is_refused_with_both_sizes() -> None:
    with pytest.raises(OptionError, match=r"2000x9 px.*512x2 px.*16 px"):
        plan_scales(9, 2000, image_size=512, num_iterations=None, pyramid=True)
