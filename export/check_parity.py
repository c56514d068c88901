"""Compare a model file with the checkpoint that it was exported from, or check what a bundled model says of itself.

python export/check_parity.py live.onnx runs/live/checkpoint.safetensors
python export/check_parity.py nst_engine/bundled/models/live.onnx
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nst_engine.errors import ModelNotFoundError, NSTError
from nst_engine.exporting.parity import TOLERANCE, require_parity
from nst_engine.exporting.stylizer import PARITY_SIZES, checkpoint_of, parity_of
from nst_engine.training import load_checkpoint


def main() -> int:
    """Compare; 1 if they differ, 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="float32 model of ours, .onnx")
    parser.add_argument("checkpoint", type=Path, nargs="?", help="default: the weights inside the model, in torch")
    arguments = parser.parse_args()
    try:
        if not arguments.model.is_file():
            raise ModelNotFoundError(f"{arguments.model}: no such file")
        source = arguments.checkpoint
        checkpoint = checkpoint_of(arguments.model) if source is None else load_checkpoint(source)
        difference = parity_of(checkpoint, arguments.model.read_bytes())
    except NSTError as error:
        print(f"check_parity: {error}", file=sys.stderr)
        return 2
    sizes = ", ".join(f"{width}x{height}" for height, width in PARITY_SIZES)
    print(f"{arguments.model}: differs from torch by at most {difference:.2g} (wanted {TOLERANCE:g}) at {sizes}")
    try:
        require_parity(str(arguments.model), difference)
    except NSTError as error:
        print(f"check_parity: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
