"""The checks there are, one a file. Each ends with its `CHECK`."""
