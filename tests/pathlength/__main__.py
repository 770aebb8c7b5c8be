"""Counts again and writes the table: `python -m tests.pathlength`."""

import tempfile
from pathlib import Path

from tests.pathlength.calls import count_calls
from tests.pathlength.system_calls import count_system_calls
from tests.pathlength.table import TABLE, VERSION, write


def main() -> None:
    """Both sections."""
    with tempfile.TemporaryDirectory() as directory:
        write({VERSION: count_calls(), "system": count_system_calls(Path(directory))})
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
