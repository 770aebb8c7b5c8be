"""The command line: parses arguments, calls `heloise.app`, prints. Decides nothing."""
