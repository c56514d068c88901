"""What stylisation costs on this machine: every row in a process of its own, and no speed without quality.

A `Suite` says what to measure; its jobs run one after the other (`jobs`, `worker`) and become `Row`s, those a `Report`.
"""
