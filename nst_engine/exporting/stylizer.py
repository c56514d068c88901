"""A trained stylizer as a model file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from nst_engine.errors import ModelChecksumError, ModelNotFoundError, OptionError
from nst_engine.exporting.parity import largest_difference, require_parity, run_once
from nst_engine.exporting.reduced import psnr_db, require_psnr, with_precision
from nst_engine.files import write_atomically
from nst_engine.graphs.self_contained import self_contained
from nst_engine.graphs.stylizer_graph import as_stored, stylizer_graph, stylizer_weights
from nst_engine.models.formats import ModelPrecision
from nst_engine.models.spec import FORMAT, METADATA_KEY, spec_defaults
from nst_engine.models.triton import IMAGE, STYLE_WEIGHTS
from nst_engine.networks.stylizer_net import MIN_IMAGE_SIDE_PX, StylizerNet, architecture, completed
from nst_engine.reading import why_no_file
from nst_engine.training.checkpoint import Checkpoint, check_fits

#: Height and width at which parity is checked: the smallest, odd ones, and no multiples of the stride.
PARITY_SIZES = ((40, 40), (64, 64), (97, 131), (120, 83), (256, 192))


def network_of(checkpoint: Checkpoint) -> StylizerNet:
    """The network with a checkpoint's averaged weights, in evaluation mode.

    Raises:
        ModelChecksumError: They are those of another.
        OptionError: It has an unknown architecture.
    """
    network = StylizerNet(architecture(checkpoint.arch), len(checkpoint.styles))
    check_fits(checkpoint.averaged, network.state_dict(), f"the checkpoint of network {checkpoint.arch!r}")
    network.load_state_dict(checkpoint.averaged)
    return network.eval()


def export_stylizer(
    checkpoint: Checkpoint,
    path: Path,
    *,
    name: str,
    licence: str,
    is_self_contained: bool = False,
    precision: ModelPrecision = "float32",
    pictures: Sequence[NDArray[np.uint8]] = (),
) -> float:
    """Write the model file of a checkpoint.

    Args:
        checkpoint: Of a training.
        path: Of the `.onnx` file to write; nothing is written unless the model passes the parity check.
        name: Of the model.
        licence: Of the weights.
        is_self_contained: uint8 N×H×W×3 in and out instead of float32 N×3×H×W, 0-1.
        precision: Of the convolutions.
        pictures: uint8 H×W×3 each, one for each style at best: to calibrate int8 on, and to check its pictures
            and those of float16 on.

    Returns:
        The largest difference between torch and ONNX Runtime in float32 over `PARITY_SIZES`, in units of 0-1.

    Raises:
        ModelChecksumError: The checkpoint's weights are not those of its network.
        ModelParityError: The difference is above `parity.TOLERANCE`, or the pictures in another precision are further
            from those in float32 than `reduced.LEAST_PSNR_DB`.
        OptionError: Another precision than float32, and no pictures.
        OutputError: The file cannot be written.
    """
    spec = model_spec(checkpoint, name, licence)
    weights = {key: value.numpy() for key, value in network_of(checkpoint).state_dict().items()}
    model = stylizer_graph(weights, spec).SerializeToString()
    difference = parity_of(checkpoint, model)
    require_parity(str(path), difference)
    if precision != "float32":
        if not pictures:
            raise OptionError(f"`precision='{precision}'`: give pictures to try it on")
        reduced = with_precision(model, precision, pictures, len(checkpoint.styles))
        require_psnr(str(path), precision, psnr_db(model, reduced, pictures, len(checkpoint.styles)))
        model = reduced
    if is_self_contained:
        model = _wrapped(model, spec, str(path))
    write_atomically(path, model)
    return difference


def _wrapped(model: bytes, spec: Mapping[str, Any], what: str) -> bytes:
    """The self-contained model, checked against the model it wraps."""
    wrapped = self_contained(model, spec)
    rng = np.random.default_rng(0)
    # smaller than the network's smallest picture, odd, and of several photos
    for batch, (height, width) in enumerate(((1, 7), (97, 131)), 1):
        mix = rng.dirichlet(np.ones(len(spec["styles"])), size=batch).astype(np.float32)
        pixels = rng.integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
        actual = run_once(wrapped, {IMAGE: pixels, STYLE_WEIGHTS: mix})
        short = [max(0, MIN_IMAGE_SIDE_PX - side) for side in (height, width)]
        grown = np.pad(pixels, ((0, 0), (0, short[0]), (0, short[1]), (0, 0)), mode="reflect")
        planes = np.ascontiguousarray(grown.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        (output,) = run_once(model, {IMAGE: planes, STYLE_WEIGHTS: mix})
        expected = output[..., :height, :width].transpose(0, 2, 3, 1)
        # half a level is what rounding to bytes may cost
        require_parity(what, largest_difference([expected], [actual[0] / np.float32(255)]) - 0.5 / 255)
    return wrapped


def model_spec(checkpoint: Checkpoint, name: str, licence: str) -> dict[str, Any]:
    """The model's metadata; see `nst_engine.models.spec.ModelSpec`."""
    return {
        "format": FORMAT,
        "name": name,
        "arch": checkpoint.arch,
        "styles": checkpoint.styles,
        **spec_defaults(),
        "min_side_px": MIN_IMAGE_SIDE_PX,
        "licence": licence,
        "training": checkpoint.training,
    }


def parity_of(checkpoint: Checkpoint, model: bytes) -> float:
    """Largest difference between the checkpoint in torch, rounded as files keep it, and the model in ONNX Runtime."""
    stored = as_stored({key: value.numpy() for key, value in network_of(checkpoint).state_dict().items()})
    rounded = {key: torch.from_numpy(value) for key, value in stored.items()}
    network = network_of(replace(checkpoint, averaged=rounded))
    rng = np.random.default_rng(0)
    largest = 0.0
    for batch, (height, width) in enumerate(PARITY_SIZES, 1):
        mix = rng.dirichlet(np.ones(len(checkpoint.styles)), size=batch).astype(np.float32)
        image = rng.random((batch, 3, height, width), dtype=np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(image), torch.from_numpy(mix)).numpy()
        actual = run_once(model, {IMAGE: image, STYLE_WEIGHTS: mix})
        largest = max(largest, largest_difference([expected], actual))
    return largest


def loaded_model(path: Path) -> onnx.ModelProto:
    """An ONNX file's content.

    Raises:
        ModelNotFoundError: No such file, or a folder.
        ModelChecksumError: It is damaged.
    """
    if why := why_no_file(path):
        raise ModelNotFoundError(f"{path}: {why}; a model file was wanted")
    try:
        return onnx.load(path)
    # onnx passes on any protobuf exception
    except Exception as damaged:
        raise ModelChecksumError(
            f"{path}: cannot be read as ONNX: truncated or damaged; export or download it again"
        ) from damaged


def checkpoint_of(path: Path) -> Checkpoint:
    """What a model file of this project was exported from, to continue training.

    Raises:
        ModelChecksumError: The file is damaged, or not a model that this project has exported.
    """
    model = loaded_model(path)
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise ModelChecksumError(
            f"{path}: is quantised, and its weights cannot be had back; take the model that it was made from, such as "
            "bundled:quality"
        )
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    stored = {key: torch.from_numpy(value) for key, value in stylizer_weights(model).items()}
    tensors = completed(stored)
    try:
        spec: Mapping[str, Any] = json.loads(metadata.get(METADATA_KEY, "{}"))
        _check_holds_styles(path, spec)
        # for `add-style`: the licence stays, unless another is given
        training = {**(spec.get("training") or {}), "licence": str(spec.get("licence", ""))}
        checkpoint = Checkpoint(str(spec["arch"]), list(spec["styles"]), tensors, tensors, training=training)
        network_of(checkpoint)
    except ModelChecksumError:
        raise
    # missing entries, or of another type or shape than the network's
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as other:
        raise ModelChecksumError(
            f"{path}: not a network of this project, so no style can be added to it; take bundled:live, "
            f"bundled:quality or one made by `nst train`"
        ) from other
    return checkpoint


def _check_holds_styles(path: Path, spec: Mapping[str, Any]) -> None:
    if spec.get("style"):
        raise ModelChecksumError(
            f"{path}: takes any painting as it is (nst stylize --style-image), so it is neither taught further styles "
            "nor exported; it is ONNX already: other programs take the file as it is, see docs/models.md"
        )
