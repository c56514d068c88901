"""Benchmarks of stylisation on this machine: each row runs in its own process, and its quality is checked too.

A `Suite` says what to measure; its jobs run one after the other (`jobs`, `worker`) and become `Row`s, those a `Report`.
"""
