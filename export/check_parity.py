"""Compare a model file with the checkpoint that it was exported from, or check what a bundled model says of itself.

python export/check_parity.py live.onnx runs/live/checkpoint.safetensors
python export/check_parity.py nst_engine/bundled/models/live.onnx
"""

from __future__ import annotations

import argparse
from pathlib import Path

from reporting import exit_code_of

from nst_engine.errors import ModelNotFoundError


def main() -> int:
    """Compare; 1 if they differ, 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="float32 model of ours, .onnx")
    parser.add_argument("checkpoint", type=Path, nargs="?", help="default: the weights inside the model, in torch")
    arguments = parser.parse_args()
    return exit_code_of("check_parity", lambda: compare(arguments.model, arguments.checkpoint))


def compare(model: Path, checkpoint: Path | None) -> int:
    """Print the largest difference; 1 if it is too large."""
    from nst_engine.exporting.parity import TOLERANCE
    from nst_engine.exporting.stylizer import PARITY_SIZES, checkpoint_of, parity_of
    from nst_engine.training import load_checkpoint

    if not model.is_file():
        raise ModelNotFoundError(f"{model}: no such file")
    source = checkpoint_of(model) if checkpoint is None else load_checkpoint(checkpoint)
    difference = parity_of(source, model.read_bytes())
    sizes = ", ".join(f"{width}x{height}" for height, width in PARITY_SIZES)
    print(f"{model}: differs from torch by at most {difference:.2g} (wanted {TOLERANCE:g}) at {sizes}")
    return 0 if difference <= TOLERANCE else 1


if __name__ == "__main__":
    raise SystemExit(main())
