"""Compile the rooms that every message passes ahead of time, with mypyc: here stands which modules, and why not others.

    python scripts/compile_rooms.py SOURCES [INTO]

copies the package at SOURCES into INTO, compiles it there, and leaves one extension module beside each module that is
compiled; they share two libraries, `heloise_engines` and `heloise_server`. The build hook (`hatch_build.py`) puts them
into the wheel beside their sources, which stay. Needs mypy, setuptools and a C compiler; takes minutes.
Without INTO it only looks whether everything can be translated to C, in some seconds.
"""

import hashlib
import io
import os
import platform
import shutil
import sys
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # a build loads this file by its path
from native_constructors import with_constructors

COMPILED = ("mail", "smtp", "world", "observe", "link", "queue", "routing", "reception", "delivery")
"""The rooms that a message passes on its way in and out."""

BESIDE = ("app/catching.py",)
"""Single modules of other rooms: `heloise.Server` asks this one for each recipient."""

_GENERATOR = "mypyc has no asynchronous generators"
_AWAIT = "awaits in `except` or `finally`: compiled, the exception is then seen by whoever runs meanwhile"
_INSTEAD = "stands in for the store on disk; measures nothing"
LEFT_INTERPRETED = {
    "mail/content.py": _GENERATOR,
    "queue/spool.py": _GENERATOR,
    "queue/watch.py": _GENERATOR,
    "delivery/tunnel.py": _GENERATOR,
    "delivery/downgrade": "seldom needed, and `convert` is an asynchronous generator",
    "delivery/on_demand.py": _AWAIT,
    "routing/asking.py": _AWAIT,
    "routing/sources": "waits for databases; drivers of others that must be there at run time only",
    "reception/web_login.py": "waits for other machines, with a semaphore around it",
    "queue/memory.py": _INSTEAD,
    "reception/held.py": _GENERATOR,
    "reception/passing.py": "meant to be inherited from, which a compiled class can not be",
    "smtp/sasl": "once in a session at most, and what takes time in it is hashing",
    "smtp/transcript.py": "meant to be inherited from, which a compiled class can not be",
}
"""What of those rooms is not compiled, and the reason. A package's `__init__.py` never is: it only names what is in it.

Whole rooms that are not: `net` inherits asyncio's buffered protocol; `dsn`, `local` and `inbox` work for few messages;
`policy` is asked only where it is configured, and is what hooks are written against;
`passport` is named tuples and JSON, which gain nothing; `config`, `app` and `cli` put together what others do, and
`testing` is there to be looked into.
"""

_ENGINES = ("mail", "smtp", "world", "observe", "link")
_EAGER = (
    "Treating generator comprehension as list"  # all of it at once: wrong over groupby, and for what asks as it goes
)

# What the rooms above import from: a change there may change what is compiled.
_READ = (*COMPILED, "net", "dsn", "policy")


def compiled_modules(package: Path) -> list[Path]:
    """The modules that are compiled, relative to `package`, in the same order every time."""
    found = [path.relative_to(package) for room in COMPILED for path in (package / room).rglob("*.py")]
    chosen = [path for path in found if path.name != "__init__.py" and not _is_left(path)]
    return sorted([*chosen, *map(Path, BESIDE)])


def _is_left(path: Path) -> bool:
    return any(str(place) in LEFT_INTERPRETED for place in (path, *path.parents))


def optimization() -> str:
    """How much the C compiler does. 1 takes a fifth less time to compile, for tests."""
    return os.environ.get("HELOISE_COMPILE_LEVEL", "2")


def digest(package: Path) -> str:
    """Another one whenever the outcome may be another: the sources, the compiler, the Python."""
    found = hashlib.sha256()
    for told in (version("mypy"), sys.version, platform.machine(), os.environ.get("CFLAGS", ""), optimization()):
        found.update(told.encode() + b"\0")
    own = sorted(Path(__file__).parent.glob("*.py"))
    beside = [package / path for path in BESIDE]
    for path in (*own, *beside, *sorted(path for room in _READ for path in (package / room).rglob("*.py"))):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def translate(package: Path, into: Path) -> list[Any]:
    """Copy `package` into the directory `into` and translate it to C there; the extensions, as setuptools wants them.

    Raises SystemExit with the reason, also for what would work otherwise than interpreted.
    """
    shutil.copytree(package, into / package.name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for module in compiled_modules(into / package.name):
        path = into / package.name / module
        path.write_text(with_constructors(path.read_text()))
    os.chdir(into)  # so that tracebacks name `heloise/smtp/server.py`, wherever it was built
    from mypyc.build import mypycify

    # Types are judged by ./check, with all dependencies; here those that are missing must not matter.
    options = ["--config-file=", "--ignore-missing-imports", "--python-executable", sys.executable]
    # Two libraries of about the same size, so that two processors compile at once.
    libraries: dict[str, list[str]] = {"heloise_engines": [], "heloise_server": []}
    for path in compiled_modules(Path(package.name)):
        name = "heloise_engines" if path.parts[0] in _ENGINES else "heloise_server"
        libraries[name].append(str(package.name / path))
    told = io.StringIO()
    with redirect_stdout(told):
        extensions = mypycify(
            [*options, *(path for paths in libraries.values() for path in paths)],
            opt_level=optimization(),
            debug_level="0",
            separate=[(paths, name) for name, paths in libraries.items()],
        )
    if _EAGER in told.getvalue():
        raise SystemExit(f"{told.getvalue()}heloise: compiled, such a generator runs at once; write a list or a loop")
    return list(extensions)


def compile_rooms(package: Path, into: Path) -> None:
    """Translate, and compile in place: an extension module beside each module."""
    extensions = translate(package, into)
    from setuptools import setup  # type: ignore[import-untyped, unused-ignore]

    arguments = ["--quiet", "build_ext", "--inplace", f"--parallel={os.cpu_count() or 1}"]
    setup(name="heloise", packages=[], ext_modules=extensions, script_args=arguments)


if __name__ == "__main__":
    sources = Path(sys.argv[1]).resolve()
    if len(sys.argv) > 2:
        compile_rooms(sources, Path(sys.argv[2]).resolve())
    else:
        with TemporaryDirectory() as directory:
            translate(sources, Path(directory))
            os.chdir(sources)
