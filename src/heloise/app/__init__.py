"""Composition: what the command line starts. Puts rooms together and has no rules of its own.

`configured` makes parts of a configuration, `server` is `heloise serve` made of them, `operator` what is asked of it
while it runs, `dev` is `heloise dev`, `again` plays sessions again with another configuration. Beside them stands what
several of them need, or none: `desk` and `journal`, `library` for Python programs, `send`, `lab`, the clients of ETRN
and ATRN.
"""
