"""What is compiled ahead of time, and what a wheel is when it can not be."""

import ast
import importlib
import importlib.util
import inspect
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.house.source import SRC, tree

ROOT = SRC.parents[1]


def _rooms() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compile_rooms", ROOT / "scripts" / "compile_rooms.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_left_interpreted_is_there() -> None:
    for place in _rooms().LEFT_INTERPRETED:
        assert (SRC / place).exists(), place


def test_the_engines_and_the_way_into_the_queue_are_compiled() -> None:
    compiled = set(map(str, _rooms().compiled_modules(SRC)))
    assert {"smtp/server.py", "smtp/client.py", "link/serve.py", "queue/sqlite.py", "delivery/relay.py"} <= compiled


def test_the_constructors_that_are_written_out_for_the_compiler_are_those_of_dataclass() -> None:
    rooms, count = _rooms(), 0
    for path in rooms.compiled_modules(SRC):
        source = (SRC / path).read_text()
        written = rooms.with_constructors(source)
        assert written.count("\n") - source.count("\n") <= 1, f"{path}: the lines have moved"  # behind the last class
        module = importlib.import_module(".".join(("heloise", *path.with_suffix("").parts)))
        for node, before in zip(_classes(written), _classes(source), strict=True):
            if (constructor := _method(node, "__init__")) is not None and _method(before, "__init__") is None:
                made = inspect.signature(getattr(module, node.name)).parameters.values()
                assert _parameters(constructor) == [(each.name, each.kind, _has_default(each)) for each in made], node
                count += 1
    assert count > 100


def test_a_value_made_by_a_written_constructor_is_that_of_the_dataclass() -> None:
    written = _rooms().with_constructors(_DATACLASSES)
    assert written.count("def __init__") == 2
    assert written.count("\n") == _DATACLASSES.count("\n")
    plain, compiled = dict[str, Any](), dict[str, Any]()
    exec(_DATACLASSES, plain)
    exec(written.replace("frozen=True, ", ""), compiled)  # compiled, frozen values are set in their struct
    for make in ("Plain(1)", "Plain(1, b'x')", "Worded(size=2)", "Worded(size=2, name='n')", "Fresh()", "Fresh([1])"):
        assert repr(eval(make, compiled)) == repr(eval(make, plain))
    for make in ("Plain(1, b'x')", "Worded(size=2)"):
        assert hash(eval(make, compiled)) == hash(eval(make, plain))


_DATACLASSES = """
from dataclasses import dataclass, field

@dataclass(frozen=True, slots=True)
class Plain:
    number: int
    octets: bytes = field(default=b"", compare=False)
    length: int = field(init=False, default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worded:
    name: str = "none"
    size: int
    twice: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "twice", 2 * self.size)


@dataclass(frozen=True, slots=True)
class Fresh:
    items: list[int] = field(default_factory=list)

"""


def _classes(source: str) -> list[ast.ClassDef]:
    return [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    return next((each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == name), None)


def _parameters(function: ast.FunctionDef) -> list[tuple[str, object, bool]]:
    given = function.args
    plain, required = given.args[1:], len(given.args) - 1 - len(given.defaults)
    kinds = inspect.Parameter
    positional = [(each.arg, kinds.POSITIONAL_OR_KEYWORD, at >= required) for at, each in enumerate(plain)]
    pairs = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return positional + [(each.arg, kinds.KEYWORD_ONLY, default is not None) for each, default in pairs]


def _has_default(parameter: inspect.Parameter) -> bool:
    return parameter.default is not inspect.Parameter.empty


def test_no_asynchronous_generator_is_to_be_compiled() -> None:
    for path in _rooms().compiled_modules(SRC):
        for function in ast.walk(tree(SRC / path)):
            if isinstance(function, ast.AsyncFunctionDef):
                assert not _has(function.body, ast.Yield), f"{path}: name it in LEFT_INTERPRETED"


def test_nothing_that_is_compiled_waits_while_it_handles_an_exception() -> None:
    for path in _rooms().compiled_modules(SRC):
        for statement in ast.walk(tree(SRC / path)):
            if isinstance(statement, ast.Try):
                handling = [*statement.finalbody, *(each for handler in statement.handlers for each in handler.body)]
                waits = _has(handling, ast.Await, ast.AsyncWith, ast.AsyncFor, ast.Yield)
                assert not waits, f"{path}:{statement.lineno}: name it in LEFT_INTERPRETED, or wait afterwards"
            if isinstance(statement, ast.AsyncWith):
                # Leaving `asyncio.timeout` never really waits; leaving anything else may.
                entered = [ast.unparse(item.context_expr) for item in statement.items]
                assert all(text.startswith("asyncio.timeout") for text in entered), f"{path}:{statement.lineno}"


def _has(statements: Sequence[ast.AST], *kinds: type[ast.AST]) -> bool:
    """Of these functions themselves, not of functions in them."""
    nodes = list(statements)
    while nodes:
        node = nodes.pop()
        if isinstance(node, kinds):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            nodes.extend(ast.iter_child_nodes(node))
    return False


def _build(directory: Path, wanted: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)],
        cwd=ROOT,
        env={**os.environ, "HELOISE_COMPILE": wanted, "CC": "no-such-compiler"},
        capture_output=True,
        text=True,
    )


def test_without_a_compiler_auto_makes_a_pure_wheel_and_says_why(tmp_path: Path) -> None:
    built = _build(tmp_path, "auto")
    assert [wheel.name.endswith("-py3-none-any.whl") for wheel in tmp_path.iterdir()] == [True]
    assert built.stderr.strip().splitlines()[0].startswith("heloise is built without compiled modules: there is no ")


@pytest.mark.parametrize("wanted", ["1", "perhaps"])
def test_a_wheel_that_must_be_compiled_and_can_not_be_is_not_built(tmp_path: Path, wanted: str) -> None:
    built = _build(tmp_path, wanted)
    assert built.returncode != 0
    assert ("there is no " if wanted == "1" else "may be 1, auto, or 0") in built.stderr
    assert not list(tmp_path.iterdir())
