"""`python -m heloise`: the same as the command `heloise`."""

from heloise.cli.main import main

main(prog_name="heloise")
