"""What NVIDIA Triton, or a client of its protocol, is told of a model; needs no torch, so that parsers know it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nst_engine.errors import OptionError
from nst_engine.options import Size, check_options, option, size

#: Names of the tensors of our models, in every format.
IMAGE, STYLE_WEIGHTS, STYLIZED_IMAGE = "image", "style_weights", "stylized_image"

#: Triton's own bound is a folder's name; these go into addresses as they are, too.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Enumerator(str):
    """The name of a value of an enumeration, which text in protobuf's format holds without quotes."""

    __slots__ = ()


BYTES, NUMBERS = Enumerator("TYPE_UINT8"), Enumerator("TYPE_FP32")

TritonDevice = Literal["auto", "cpu", "gpu"]
TritonAccelerator = Literal["tensorrt", "openvino"]
TritonEnsemble = Literal["python", "dali"]


@dataclass(frozen=True, kw_only=True)
class TritonOptions:
    """Options of a model repository.

    Attributes:
        device: `auto`: GPUs where Triton finds some, else the CPU.
        instances: Of the model, on the CPU or each GPU.
        accelerator: TensorRT for GPUs, OpenVINO for CPUs; None: CUDA and the CPU as ONNX Runtime has them.
        max_batch: Pictures in a batch, which Triton makes of requests of one size.
        max_delay_us: How long a request waits for others, µs.
        warmup: Width and height of pictures that the model paints before Triton says that it is ready.
        ensemble: Who decodes JPEGs: Pillow (`python`) or DALI; None: there is no ensemble.

    Raises:
        OptionError: An invalid value, or values that do not go together.
    """

    device: TritonDevice = option("auto", "auto: GPUs where Triton finds some, else the CPU")
    instances: int = option(1, "of the model, on the CPU or each GPU", metavar="N", limits=(1, 64))
    accelerator: TritonAccelerator | None = option(None, "tensorrt for GPUs, openvino for CPUs")
    max_batch: int = option(8, "pictures in a batch, all of one size", metavar="N", limits=(1, 1024))
    max_delay_us: int = option(1000, "how long a request waits for others, µs", metavar="N", limits=(0, 10_000_000))
    warmup: tuple[Size, ...] = option(
        ((640, 480), (1280, 720)),
        "sizes painted before the model is ready, px",
        metavar="WxH",
        read=size,
        is_list=True,
        shown="640x480 1280x720",
    )
    ensemble: TritonEnsemble | None = option(
        None, "further models, for JPEGs in and out: who decodes them, Pillow (python) or dali"
    )

    def __post_init__(self) -> None:
        check_options(self)
        for accelerator, device in (("tensorrt", "cpu"), ("openvino", "gpu")):
            if (self.accelerator, self.device) == (accelerator, device):
                other = "gpu" if device == "cpu" else "cpu"
                raise OptionError(f"`accelerator='{accelerator}'` is for the {other}; use `device='{other}'`")
        if self.ensemble == "dali" and self.device == "auto":
            raise OptionError("DALI decodes where its pipeline says; use `device='gpu'` or `device='cpu'`")


def check_model_name(name: str) -> None:
    """Refuse names that are no folders' or do not stand in an address as they are.

    Raises:
        OptionError: Such a name.
    """
    if not _NAME.fullmatch(name):
        raise OptionError(
            f"{name!r} came; wanted up to 100 of a-z, A-Z, 0-9, _, - and ., the first of them a letter or a digit",
            option="name",
        )


def interface(name: str, styles: Sequence[str], max_batch: int) -> dict[str, Any]:
    """The fields of Triton's `ModelConfig` that a client has to know, named as in its JSON.

    Args:
        name: Of the model.
        styles: In the order of `style_weights`.
        max_batch: Pictures in a batch.
    """
    return {
        "name": name,
        "max_batch_size": max_batch,
        "input": [
            {"name": IMAGE, "data_type": BYTES, "dims": [-1, -1, 3]},
            {"name": STYLE_WEIGHTS, "data_type": NUMBERS, "dims": [len(styles)]},
        ],
        "output": [{"name": STYLIZED_IMAGE, "data_type": BYTES, "dims": [-1, -1, 3]}],
        "parameters": string_parameters(styles=json.dumps(list(styles), ensure_ascii=False)),
    }


def string_parameters(**values: str) -> Mapping[str, Any]:
    """Parameters of a model, or of an ensemble, as `ModelConfig` has them."""
    return {key: {"string_value": value} for key, value in values.items()}
