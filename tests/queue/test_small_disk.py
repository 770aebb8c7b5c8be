"""A file system that is really full: SQLite's own idea of it, not a simulated one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_MOUNT = 'mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" "$3" "$1"'


def _require_namespaces() -> None:
    if os.geteuid() == 0 and shutil.which("unshare") is not None:
        return
    missing = "a small disk can be mounted by root only (unshare --mount): run the tests as root"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def test_a_full_file_system_refuses_keeps_and_goes_on(tmp_path: Path) -> None:
    _require_namespaces()
    program = str(Path(__file__).with_name("small_disk.py"))
    arguments = ["unshare", "--mount", "sh", "-c", _MOUNT, "sh", str(tmp_path), sys.executable, program]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told.pop("taken before") > 10
    assert told == {
        "refusals": [[452, "4.3.1", "storage.full"]] * 2,
        "taken after": 50,
        "opened on a full disk": "StoreFull",
        "exactly what was taken is there, and whole": True,
    }
