"""Model files: lookup, metadata, inputs and outputs."""
