"""The steps of the container file, done without a container engine: with its paths in a directory of the test.

What is not shown here: that the base image is there, and that an engine reads the file as we do.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"\\\n", " ", (ROOT / "deploy" / "Containerfile").read_text())
BUILD, FINAL = (stage.splitlines() for stage in TEXT.partition("FROM")[2].split("\nFROM"))
SECONDS = 300.0


def steps(stage: list[str], word: str) -> list[str]:
    return [line.removeprefix(f"{word} ").strip() for line in stage if line.startswith(f"{word} ")]


def test_the_final_stage_is_not_root_and_builds_nothing() -> None:
    assert steps(FINAL, "USER") == ["heloise"]
    assert not any(word in line for line in steps(FINAL, "RUN") for word in ("pip", "apt", "gcc"))
    assert json.loads(steps(FINAL, "ENTRYPOINT")[0])[:2] == ["heloise", "serve"]


def test_what_is_copied_is_there() -> None:
    for line in steps(BUILD, "COPY"):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


@pytest.mark.slow
def test_the_steps_make_a_server_that_is_healthy(tmp_path: Path) -> None:
    source, etc = tmp_path / "src", tmp_path / "etc"
    source.mkdir()
    etc.mkdir()
    for line in steps(BUILD, "COPY"):
        *names, target = line.split()
        for name in names:
            to = source / (Path(name).name if target == "./" else target)
            to.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, to, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
            else:
                shutil.copy(ROOT / name, to)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    python = Path(sys.executable).resolve()
    environment["PATH"] = f"{tmp_path}/bin:{environment['PATH']}"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    (tmp_path / "bin" / "python").chmod(0o755)
    for command in steps(BUILD, "RUN"):
        here = command.replace("/opt/", f"{tmp_path}/opt/")
        done = subprocess.run(
            ["bash", "-ec", here],
            cwd=source,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{here}\n{done.stdout}\n{done.stderr}"
    programs = tmp_path / "opt" / "heloise" / "bin"
    assert not list(programs.glob("pip*"))
    (etc / "heloise.toml").write_text(
        f'hostname = "mx.test"\nstate = "{tmp_path}/state"\nprocesses = 1\n[[listener]]\naddress = "127.0.0.1:0"\n'
    )

    def command_of(word: str) -> list[str]:
        (found,) = re.findall(rf"^{word}.*?(\[.*\])$", "\n".join(FINAL), re.MULTILINE)
        return [each.replace("/etc/heloise", str(etc)) for each in json.loads(found)]

    environment["PATH"] = f"{programs}:{environment['PATH']}"
    server = subprocess.Popen(command_of("ENTRYPOINT"), env=environment, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"ready")
        healthy = subprocess.run(command_of("HEALTHCHECK"), env=environment, timeout=SECONDS, check=False)
        assert healthy.returncode == 0
    finally:
        server.terminate()
        assert server.wait(SECONDS) == 0
    assert subprocess.run(command_of("HEALTHCHECK"), env=environment, timeout=SECONDS, check=False).returncode != 0
