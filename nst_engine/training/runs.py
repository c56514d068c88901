"""Train a network for some paintings, or add a style to an existing one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nst_engine.catalogue import bundled_styles
from nst_engine.errors import OptionError
from nst_engine.geometry import fit_longer_side
from nst_engine.image import load_image, painted_part, resized_opaque
from nst_engine.networks.stylizer_net import OF_STYLES, StylizerNet, architecture
from nst_engine.optimization.device import resolve_precision
from nst_engine.training.checkpoint import Checkpoint, check_fits, load_checkpoint, save_checkpoint
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
from nst_engine.training.lesson import FixedStyles, Lesson
from nst_engine.training.loop import Training
from nst_engine.training.options import TrainOptions
from nst_engine.training.perceptual import PerceptualLoss, image_tensor
from nst_engine.training.photos import Photos, too_thin
from nst_engine.training.process_group import ProcessGroup, process_group
from nst_engine.vgg19.weights import VGGWeights, load_vgg19_weights

# VGG-19 sees nothing of thinner paintings at half their size; deviation of the levels of any channel, 0-255
_LEAST_STYLE_PX, _LEAST_STYLE_DEVIATION = 32, 1.0
# longer side at which paintings are compared with each other: a quarter of the time
_COMPARED_PX = 256


def train(
    paintings: Mapping[str, Path],
    photos: Sequence[Path],
    options: TrainOptions,
    *,
    folder: Path,
    resume: bool = False,
    start: Checkpoint | None = None,
    faces: Mapping[Path, Boxes] | None = None,
    vgg_weights: str | Path = "auto",
    on_step: StepCallback = lambda progress: True,
) -> Checkpoint:
    """Train a network that paints in these paintings' styles.

    Args:
        paintings: Style name to file. Edges of its scan, of one colour, are cut off, and transparent margins.
        photos: Files to learn on; flat and unreadable ones are left out.
        options: How long and how. On several `devices`, start as many processes of your program by `torchrun`: each
            calls this function in the same way, all get the same network, and the first writes.
        folder: For checkpoint, trace, plot and previews; made if missing.
        resume: Resume from the folder's checkpoint, which must be of the same network and styles; a RuntimeWarning
            tells options that are others now.
        start: Begin with the weights of this network, of the same styles, instead of random ones.
        faces: Where they are in some of the photos (`nst_engine.training.faces.read_faces`): half of the cut-outs are
            then drawn around one, and they are painted so that they can be recognised.
        vgg_weights: See `nst_engine.vgg19.weights.load_vgg19_weights`.
        on_step: Called after each step; returning False stops the training after a checkpoint.

    Returns:
        The last checkpoint, which is also in the folder.

    Raises:
        OptionError: Options that do not fit together or to the checkpoint.
        OptimizationError: The loss stays NaN.
        NSTError: A file or device cannot be used.
    """
    earlier = earlier_checkpoint(folder, resume=resume)
    inputs_elsewhere(folder, list(paintings.values()))
    photos = inputs_elsewhere(folder, photos, resume=resume)
    names = list(paintings)
    for base, what in ((earlier, str(folder / CHECKPOINT)), (start, "the network to start from")):
        if base is not None and (base.arch != options.arch or base.styles != names):
            raise OptionError(
                f"{what} is of a {base.arch} network for {', '.join(base.styles)}; what came is {options.arch} for "
                f"{', '.join(names)}; give the same paintings in the same order, or begin anew"
            )
    with process_group(options) as group:
        read = Photos(photos, options.photo_size_px, faces=faces)
        network = _first_network(options, names, start)
        loss = _loss(paintings.values(), options, load_vgg19_weights(vgg_weights), group.device)
        names_of_all = [name for name, _ in network.named_parameters()]
        training = _training(network, loss, read, options, group, parameters=names_of_all)
        if earlier is not None:
            training.restore(earlier)
        return run_and_keep(training, _kept(folder, options.arch, names, network), read, on_step, earlier=earlier)


def add_style(
    name: str,
    painting: Path,
    base: Checkpoint,
    photos: Sequence[Path],
    options: TrainOptions,
    *,
    folder: Path,
    faces: Mapping[Path, Boxes] | None = None,
    vgg_weights: str | Path = "auto",
    on_step: StepCallback = lambda progress: True,
) -> Checkpoint:
    """Add a style to a network by fitting scales, shifts and the style's filters (Dumoulin et al. 2017, 3.2).

    All other weights are frozen, so existing styles do not change at all.

    Args:
        name: Of the new style.
        painting: Its file; as for `train`.
        base: The network, as trained or read from a model.
        photos: Files to fit on.
        options: How long and how.
        folder: As for `train`.
        faces: As for `train`.
        vgg_weights: As for `train`.
        on_step: As for `train`.

    Returns:
        A checkpoint with the new style last.

    Raises:
        OptionError: The network has a style of that name already, or the folder is another training's.
        NSTError: As for `train`.
    """
    path = folder / CHECKPOINT
    _check_is_new(name, base, path)
    inputs_elsewhere(folder, [painting])
    read = Photos(inputs_elsewhere(folder, photos, resume=path.exists()), options.photo_size_px, faces=faces)
    network = StylizerNet(architecture(base.arch), 1)
    is_norm = {key for key in base.averaged if key.endswith(OF_STYLES)}
    weights = load_vgg19_weights(vgg_weights)
    with process_group(options) as group:
        nearest = _nearest(painting, base.styles, options, weights, group.device)
        # the nearest style is a good start; so is the mean of all, if a duller one
        begun = slice(None) if nearest is None else slice(nearest, nearest + 1)
        network.load_state_dict(
            {key: each[begun].mean(0, keepdim=True) if key in is_norm else each for key, each in base.averaged.items()}
        )
        loss = _loss([painting], options, weights, group.device)
        training = _training(network, loss, read, options, group, parameters=is_norm)
        learnt = run_and_keep(training, _kept(folder, base.arch, [name], network), read, on_step, earlier=None)
    grown = _grown(base, name, learnt)
    # who exports the folder's checkpoint shall get all styles, not the new one alone
    if group.rank.is_first:
        save_checkpoint(path, grown)
    return grown


def _check_is_new(name: str, base: Checkpoint, path: Path) -> None:
    if name in base.styles:
        raise OptionError(f"the model has a style {name!r} already; give the new one another name with `name`")
    if path.exists() and (others := load_checkpoint(path).styles)[-1:] != [name]:
        raise OptionError(
            f"{path} is of a training for {', '.join(others)}, which would be lost; choose another `folder`"
        )


def _first_network(options: TrainOptions, names: Sequence[str], start: Checkpoint | None) -> StylizerNet:
    torch.manual_seed(options.seed)
    network = StylizerNet(architecture(options.arch), len(names))
    if start is not None:
        check_fits(start.averaged, network.state_dict(), "the network to start from")
        network.load_state_dict(start.averaged)
    return network


def _grown(base: Checkpoint, name: str, learnt: Checkpoint) -> Checkpoint:
    """The base with a style more, whose parameters were learnt."""
    averaged = {
        key: torch.cat([value, learnt.averaged[key].cpu()]) if key.endswith(OF_STYLES) else value
        for key, value in base.averaged.items()
    }
    grown = Checkpoint(base.arch, [*base.styles, name], averaged, averaged, training=dict(base.training))
    grown.training["added"] = [*base.training.get("added", []), {"style": name, **learnt.training}]
    return grown


def _nearest(
    painting: Path, styles: Sequence[str], options: TrainOptions, weights: VGGWeights, device: torch.device
) -> int | None:
    """Number of the style whose bundled painting is nearest to this one; None where none is bundled."""
    paintings = bundled_styles()
    known = [(number, paintings[name].path) for number, name in enumerate(styles) if name in paintings]
    if not known:
        return None
    own = _painting(painting, options)
    factor = _COMPARED_PX / options.style_size_px
    if factor < 1 and min(own.shape[:2]) * factor >= _LEAST_STYLE_PX:
        options = replace(options, style_size_px=_COMPARED_PX)
        own = _painting(painting, options)
    picture = image_tensor(own, device)
    loss = _loss([path for _, path in known], options, weights, device)
    target = loss.content_features(picture)
    with torch.no_grad():
        distances = loss(picture, target, range(len(known))).painted  # of the one picture, from each
    return known[int(distances.argmin())][0]


def _loss(
    paintings: Iterable[Path], options: TrainOptions, weights: VGGWeights, device: torch.device
) -> PerceptualLoss:
    pictures = [_painting(path, options) for path in paintings]
    return PerceptualLoss(weights, pictures, device=device, dtype=resolve_precision(options.precision, device))


def _painting(path: Path, options: TrainOptions) -> NDArray[np.uint8]:
    read = painted_part(load_image(path))
    if max(read.height, read.width) < _LEAST_STYLE_PX:
        raise OptionError(
            f"{path} has {read.width}×{read.height} px, too few for strokes to be seen; give it at "
            f"{options.style_size_px} px or more"
        )
    picture = resized_opaque(read, *fit_longer_side(read.height, read.width, options.style_size_px))
    if min(picture.shape[:2]) < _LEAST_STYLE_PX:
        raise OptionError(f"{path} is {too_thin(picture, _LEAST_STYLE_PX)}; cut a less narrow piece out of it")
    if picture.std(axis=(0, 1)).max() < _LEAST_STYLE_DEVIATION:
        raise OptionError(f"{path} has one colour only, of which there is nothing to learn; give a painting")
    return picture


def _training(
    network: StylizerNet,
    loss: PerceptualLoss,
    photos: Photos,
    options: TrainOptions,
    group: ProcessGroup,
    *,
    parameters: Collection[str],
) -> Training:
    device = group.device
    # the mypy stubs of torch know no memory_format here
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    lesson = Lesson(
        network,
        loss.measure,
        FixedStyles(loss, network.styles, device),
        photos,
        options,
        styles_per_photo=_styles_per_photo(options, network.styles),
        dtype=resolve_precision(options.precision, device),
        group=group,
    )
    return Training(network, lesson, options, parameters=parameters, group=group)


def _styles_per_photo(options: TrainOptions, styles: int) -> int:
    """As asked for, if there are so many styles, and else as many as make up a step."""
    most = min(options.styles_per_photo, styles)  # one photo twice in one style would be the same picture
    return max(count for count in range(1, most + 1) if options.batch_size % count == 0)


def _kept(folder: Path, arch: str, names: Sequence[str], network: StylizerNet) -> Kept:
    def columns() -> dict[str, torch.Tensor]:
        each = torch.eye(network.styles, device=next(network.parameters()).device)
        return {name: each[number : number + 1] for number, name in enumerate(names[:PREVIEW_STYLES])}

    return Kept(folder, arch, names, network, columns)
