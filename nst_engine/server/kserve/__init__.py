"""KServe's protocol v2 (Open Inference Protocol), as NVIDIA Triton speaks it: `routes → tensors`."""
