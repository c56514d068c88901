"""Model repositories for NVIDIA Triton: `repository → configs → text_format`; `served` runs in Triton, not here."""
