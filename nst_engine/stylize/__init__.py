"""Stylization in one pass."""
