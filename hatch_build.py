"""The build hook: a wheel whose hot rooms are compiled, where that is wanted.

The environment variable HELOISE_COMPILE says it: `1` compiles, and it is an error when that can not be; `auto` compiles
where mypy and a C compiler are, and else says in one line why not; without it the wheel is pure Python. An editable
installation never is compiled. What is compiled stands in `scripts/compile_rooms.py`.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "HELOISE_COMPILE"


class CustomBuildHook(BuildHookInterface[Any]):
    """Compiles once for each state of the sources; what came of it is kept in `build/compiled`."""

    def dependencies(self) -> list[str]:
        """What an isolated build brings along. `auto` takes what is there."""
        return ["mypy>=2.4", "setuptools>=65"] if _wanted() == "1" else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and name the extension modules that go into the wheel."""
        if version == "editable" or _wanted() == "":
            return
        try:
            compiled = self._compiled()
        except _NotCompiledError as error:
            if _wanted() == "1":
                raise
            self.app.display_warning(f"heloise is built without compiled modules: {error}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        for path in compiled.rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"):
            build_data["force_include"][str(path)] = str(path.relative_to(compiled))

    def _compiled(self) -> Path:
        _check_tools()
        rooms, package = _rooms(Path(self.root)), Path(self.root) / "src" / "heloise"
        kept: Path = Path(self.root) / "build" / "compiled" / rooms.digest(package)
        if kept.is_dir():
            return kept
        self.app.display_info(f"compiling {len(rooms.compiled_modules(package))} modules; this takes some minutes")
        shutil.rmtree(kept.parent, ignore_errors=True)
        unfinished = kept.with_suffix(".unfinished")
        unfinished.mkdir(parents=True)
        run = subprocess.run(
            [sys.executable, str(rooms.__file__), str(package), str(unfinished)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if run.returncode != 0:
            raise _NotCompiledError(run.stdout.decode(errors="replace").strip()[-4000:] or f"status {run.returncode}")
        unfinished.rename(kept)
        return kept


class _NotCompiledError(Exception):
    pass


def _wanted() -> str:
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", "0", "1", "auto"):
        raise SystemExit(f"{VARIABLE} is {wanted!r}; it may be 1, auto, or 0")
    return wanted.removeprefix("0")


def _check_tools() -> None:
    for module in ("mypyc", "setuptools"):
        if importlib.util.find_spec(module) is None:
            raise _NotCompiledError(f"there is no {module} here")
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    if shutil.which(compiler.split()[0]) is None:
        raise _NotCompiledError(f"there is no C compiler here ({compiler.split()[0]})")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        raise _NotCompiledError("there is no Python.h here; on Debian it is in python3-dev")


def _rooms(root: Path) -> ModuleType:
    # Neither the root nor scripts/ is on the path of a build.
    spec = importlib.util.spec_from_file_location("compile_rooms", root / "scripts" / "compile_rooms.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
