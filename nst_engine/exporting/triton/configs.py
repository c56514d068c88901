"""The configurations of a repository's models, as Triton's `ModelConfig` has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nst_engine.models.triton import (
    BYTES,
    IMAGE,
    NUMBERS,
    STYLE_WEIGHTS,
    STYLIZED_IMAGE,
    Enumerator,
    TritonOptions,
    interface,
    string_parameters,
)

#: Of the painter, beside its configuration.
STYLES_FILE, WARMUP_FOLDER = "styles.txt", "warmup"

JPEG, STYLIZED_JPEG = "jpeg", "stylized_jpeg"
#: Of the ensemble's steps and of itself, behind the painter's name.
DECODE, ENCODE, WHOLE = "_decode", "_encode", "_jpeg"

_KINDS = {"auto": Enumerator("KIND_AUTO"), "cpu": Enumerator("KIND_CPU"), "gpu": Enumerator("KIND_GPU")}
_QUALITY = 90

Config = Mapping[str, Any]


def painter_config(name: str, styles: Sequence[str], options: TritonOptions) -> Config:
    """Of the model itself: ONNX Runtime, batches made of requests, warmed before it is ready."""
    known = interface(name, styles, options.max_batch)
    (output,) = known["output"]
    return {
        **known,
        "backend": "onnxruntime",
        "output": [{**output, "label_filename": STYLES_FILE}],
        "instance_group": [{"count": options.instances, "kind": _KINDS[options.device]}],
        "dynamic_batching": {"max_queue_delay_microseconds": options.max_delay_us},
        **_accelerated(options),
        **({"model_warmup": [_warmup(size, len(styles)) for size in options.warmup]} if options.warmup else {}),
    }


def ensemble_configs(name: str, styles: Sequence[str], options: TritonOptions) -> dict[str, Config]:
    """Of a decoder, an encoder and the ensemble, by name; what needs the others is last."""
    names = {step: f"{name}{step}" for step in (DECODE, ENCODE, WHOLE)}
    picture = {"data_type": BYTES, "dims": [-1, -1, 3]}
    file = {"data_type": BYTES, "dims": [-1]}
    weights = {"name": STYLE_WEIGHTS, "data_type": NUMBERS, "dims": [len(styles)]}
    on_cpu = {"instance_group": [{"kind": _KINDS["cpu"]}]}
    known = {"max_batch_size": options.max_batch}
    decoder = (
        {"backend": "python", **on_cpu}
        if options.ensemble == "python"
        else {"backend": "dali", "instance_group": [{"kind": _KINDS[options.device]}]}
    )
    return {
        names[DECODE]: {
            "name": names[DECODE],
            **decoder,
            **known,
            "input": [{"name": JPEG, **file}],
            "output": [{"name": IMAGE, **picture}],
        },
        names[ENCODE]: {
            "name": names[ENCODE],
            "backend": "python",
            **on_cpu,
            **known,
            "input": [{"name": STYLIZED_IMAGE, **picture}],
            "output": [{"name": STYLIZED_JPEG, **file}],
            "parameters": string_parameters(quality=str(_QUALITY)),
        },
        names[WHOLE]: {
            "name": names[WHOLE],
            "platform": "ensemble",
            **known,
            "input": [{"name": JPEG, **file}, weights],
            "output": [{"name": STYLIZED_JPEG, **file}],
            "parameters": interface(name, styles, options.max_batch)["parameters"],
            "ensemble_scheduling": {
                "step": [
                    _step(names[DECODE], [JPEG], [IMAGE]),
                    _step(name, [IMAGE, STYLE_WEIGHTS], [STYLIZED_IMAGE]),
                    _step(names[ENCODE], [STYLIZED_IMAGE], [STYLIZED_JPEG]),
                ]
            },
        },
    }


def _accelerated(options: TritonOptions) -> Config:
    if options.accelerator is None:
        return {}
    if options.accelerator == "openvino":
        used = {"cpu_execution_accelerator": [{"name": "openvino"}]}
    else:
        used = {"gpu_execution_accelerator": [{"name": "tensorrt"}]}
    return {"optimization": {"execution_accelerators": used}}


def _warmup(size: tuple[int, int], styles: int) -> Config:
    width, height = size
    return {
        "name": f"{width}x{height}",
        "batch_size": 1,
        "inputs": {
            IMAGE: {"data_type": BYTES, "dims": [height, width, 3], "random_data": True},
            # random bytes may be no numbers, and zeros are divided by
            STYLE_WEIGHTS: {"data_type": NUMBERS, "dims": [styles], "input_data_file": STYLE_WEIGHTS},
        },
    }


def _step(model: str, inputs: Sequence[str], outputs: Sequence[str]) -> Config:
    return {
        "model_name": model,
        "model_version": -1,
        "input_map": {each: each for each in inputs},
        "output_map": {each: each for each in outputs},
    }
