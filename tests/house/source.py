"""The source as trees, for tests that read it."""

import ast
import tokenize
from collections.abc import Iterator
from pathlib import Path

SRC = Path(__file__).parents[2] / "src" / "heloise"
ROOMS = sorted(path.name for path in SRC.iterdir() if (path / "__init__.py").exists())


def modules(*rooms: str) -> list[Path]:
    """The modules of these rooms, or of all."""
    return [path for room in (rooms or ROOMS) for path in sorted((SRC / room).rglob("*.py"))]


def named(path: Path) -> str:
    """`smtp/server.py`."""
    return path.relative_to(SRC).as_posix()


def tree(path: Path) -> ast.Module:
    """The module, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"))


def docstrings(module: ast.Module) -> Iterator[ast.Constant]:
    """The docstrings, and the strings below fields, which are their documentation."""
    for node in ast.walk(module):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value


def literals(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of each string or bytes literal that is no documentation; the parts of f-strings too."""
    documentation = set(map(id, docstrings(module)))
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and id(node) not in documentation:
            if isinstance(node.value, str):
                yield node.lineno, node.value
            elif isinstance(node.value, bytes):
                yield node.lineno, node.value.decode("latin-1")


def remarks(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring and each block of comments."""
    for node in docstrings(tree(path)):
        assert isinstance(node.value, str)
        yield node.lineno, node.value
    block: list[str] = []
    first = last = 0
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type != tokenize.COMMENT:
                continue
            if block and token.start[0] != last + 1:
                yield first, "\n".join(block)
                block = []
            first = first if block else token.start[0]
            last = token.start[0]
            block.append(token.string.lstrip("# "))
    if block:
        yield first, "\n".join(block)


def imports(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each module imported."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.lineno, node.module
