"""Video files, by PyAV: the only package that imports it."""
