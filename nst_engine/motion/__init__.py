"""Frames in their order, without flicker."""
