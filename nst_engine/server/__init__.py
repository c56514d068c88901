"""The HTTP service of `nst serve`; needs the extra `serve`."""
