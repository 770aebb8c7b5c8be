"""Write constructors and hashes of dataclasses out, in the copy of the sources that is compiled.

mypyc leaves what `dataclass` makes at run time to the interpreter: to construct a value of three fields takes 345 ns,
and 22 ns where `__init__` stands in the class. A message makes some dozens of such values. So each `__init__` is
written into its class, with `init=False`, as `dataclass` would have made it, and each `__hash__`; all else stays as it
is. They go into the two empty lines behind the class, so that tracebacks name the lines of the source.

Left as they are: classes with a default that is made anew each time (`default_factory`), and those that use `__new__`,
which a class with a constructor of its own does not have when it is compiled.
"""

import ast
import re

_DECORATOR = re.compile(r"@dataclass\((?!.*\binit=)")


def with_constructors(source: str) -> str:
    """`source` with a constructor in each dataclass that can have one."""
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            _write_out(node, lines)
    return "\n".join(lines)


def _write_out(node: ast.ClassDef, lines: list[str]) -> None:
    decorator = _dataclass(node)
    after = node.end_lineno  # the index of the line behind the class
    if decorator is None or after is None or node.bases or (after < len(lines) and lines[after]):
        return
    constructor = _constructor(node, is_kw_only=_is_kw_only(decorator))
    if constructor is None:
        return
    place = decorator.lineno - 1
    changed = _DECORATOR.sub("@dataclass(init=False, ", lines[place])
    if changed == lines[place]:
        return
    lines[place] = changed
    if after == len(lines):
        lines.append("")
    lines[after] = " " * (node.col_offset + 4) + constructor
    if after + 1 == len(lines):
        lines.append("")
    if not lines[after + 1] and (by := _hashed_by(node, decorator)):
        lines[after + 1] = " " * (node.col_offset + 4) + f"def __hash__(self) -> int: return hash(({by}))"


def _dataclass(node: ast.ClassDef) -> ast.Call | None:
    for each in node.decorator_list:
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "dataclass":
            return each
    return None


def _is_kw_only(decorator: ast.Call) -> bool:
    return any(each.arg == "kw_only" and ast.unparse(each.value) == "True" for each in decorator.keywords)


def _hashed_by(node: ast.ClassDef, decorator: ast.Call) -> str:
    """The fields that are compared, each with a comma; nothing for a class that is not hashed by them."""
    options = {each.arg: ast.unparse(each.value) for each in decorator.keywords}
    if options.get("frozen") != "True" or "eq" in options or _has_any(node, "__eq__", "__hash__"):
        return ""
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    return "".join(
        [
            f"self.{ast.unparse(each.target)}, "
            for each in fields
            if each.value is None or "compare=False" not in ast.unparse(each.value)
        ]
    )


def _has_any(node: ast.ClassDef, *names: str) -> bool:
    return any(isinstance(each, ast.FunctionDef) and each.name in names for each in node.body)


def _constructor(node: ast.ClassDef, *, is_kw_only: bool) -> str | None:
    """`def __init__` in one line; None for a class that has to stay as it is."""
    methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    if any(each.name == "__init__" or "__new__" in ast.unparse(each) for each in methods):
        return None
    parameters, steps = ["self"], []
    for statement in node.body:
        if not isinstance(statement, ast.AnnAssign) or "ClassVar" in ast.unparse(statement.annotation):
            continue
        field = _field(statement)
        if field is None:
            return None
        name, default, is_given = field
        if is_given:
            annotation = ast.unparse(statement.annotation)
            parameters.append(f"{name}: {annotation}" + ("" if default is None else f" = {default}"))
            steps.append(f"self.{name} = {name}")
        elif default is not None:
            steps.append(f"self.{name} = {default}")
    if not steps:
        return None
    if any(each.name == "__post_init__" for each in methods):
        steps.append("self.__post_init__()")
    if is_kw_only:
        parameters.insert(1, "*")
    return f"def __init__({', '.join(parameters)}) -> None: {'; '.join(steps)}  # type: ignore"


def _field(statement: ast.AnnAssign) -> tuple[str, str | None, bool] | None:
    """Name, default, and whether it is a parameter; None for one that a line can not say."""
    name, value = ast.unparse(statement.target), statement.value
    if not (isinstance(value, ast.Call) and ast.unparse(value.func) == "field"):
        return name, None if value is None else ast.unparse(value), True
    options = {each.arg: ast.unparse(each.value) for each in value.keywords}
    if value.args or options.keys() - {"default", "init", "repr", "compare", "hash"}:
        return None
    return name, options.get("default"), options.get("init", "True") == "True"
