"""Programs that are copied into repositories: what they import is in Triton's containers."""
