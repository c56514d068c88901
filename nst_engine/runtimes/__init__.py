"""Runtimes and devices."""
