"""From torch to ONNX, with a parity check; needs torch, onnx and onnxruntime."""
