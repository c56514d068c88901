"""Stylizing consecutive frames without flicker."""
