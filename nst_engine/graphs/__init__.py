"""ONNX graphs: building ours, rewriting anybody's; the only package that imports onnx, without torch."""
