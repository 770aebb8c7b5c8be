"""Fuzzing: each target takes any octets and raises only when something is broken.

Reading order: supply, ledger, serving, asking, targets/. `python -m tests.fuzz TARGET --seconds N` runs a target
guided by coverage (see `__main__`); `test_fuzz` replays what was found and adds some chance, in every quick run.
"""
