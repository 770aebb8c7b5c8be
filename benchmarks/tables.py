"""The tables of a result: as text for the terminal, as Markdown for the document."""

from __future__ import annotations

from typing import Any

_NO_VALUE = "–"


def header(experiment: dict[str, Any]) -> list[str]:
    """The names of the columns. The first figure has its range and the ratio beside it."""
    first, *rest = [figure["heading"] for figure in experiment["figures"]]
    columns = ["", first, "min–max", "ratio", *rest]
    if _has(experiment, "syncs"):
        columns.append("syncs")
    if _has(experiment, "kept"):
        columns.append("kept")
    return columns


def lines(experiment: dict[str, Any], cell: str) -> list[list[str]]:
    """One line for each subject in a cell."""
    return [_line(experiment, row) for row in experiment["rows"] if row["cell"] == cell]


def cells(experiment: dict[str, Any]) -> list[str]:
    """The names of the cells, in their order."""
    return list(dict.fromkeys(row["cell"] for row in experiment["rows"]))


def subject(experiment: dict[str, Any], row: dict[str, Any]) -> str:
    """The name of a row; that it is not durable is told where others are."""
    mixed = any(each["durable"] for each in experiment["rows"])
    return row["subject"] if row["durable"] or not mixed else f"{row['subject']} (not durable)"


def text_table(experiment: dict[str, Any]) -> str:
    """All cells, one below the other."""
    rows: list[list[str]] = []
    for cell in cells(experiment):
        rows += [[cell], *lines(experiment, cell)]
    head = header(experiment)
    full = [row for row in [head, *rows] if len(row) > 1]
    widths = [max(len(row[column]) for row in full) for column in range(len(head))]

    def written(row: list[str]) -> str:
        if len(row) == 1:
            return f"\n{row[0]}"
        words = [word.rjust(width) for word, width in zip(row[1:], widths[1:], strict=True)]
        return "  ".join([row[0].ljust(widths[0]), *words]).rstrip()

    errors = [f"{row['subject']}, {row['cell']}: {row['error']}" for row in experiment["rows"] if row["error"]]
    return "\n".join([f"== {experiment['title']}", written(head), *map(written, rows), *errors])


def markdown_table(experiment: dict[str, Any], cell: str) -> str:
    """One cell."""
    head = header(experiment)
    rows = [head, [":--", *["--:"] * (len(head) - 1)], *lines(experiment, cell)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def number(value: float | None, digits: int) -> str:
    """With a comma between thousands."""
    return _NO_VALUE if value is None else f"{value:,.{digits}f}"


def _line(experiment: dict[str, Any], row: dict[str, Any]) -> list[str]:
    first, *rest = experiment["figures"]
    name = subject(experiment, row)
    if first["key"] not in row["figures"]:
        return [name, "failed", *[""] * (len(header(experiment)) - 2)]
    main = row["figures"][first["key"]]
    words = [
        name,
        number(main["median"], first["digits"]),
        f"{number(main['low'], first['digits'])}–{number(main['high'], first['digits'])}",
        number(row["ratio"], 2),
        *(number(row["figures"].get(figure["key"], {}).get("median"), figure["digits"]) for figure in rest),
    ]
    if _has(experiment, "syncs"):
        words.append(number(row["syncs"], 2))
    if _has(experiment, "kept"):
        words.append(row["kept"])
    return words


def _has(experiment: dict[str, Any], key: str) -> bool:
    return any(row[key] not in (None, "") for row in experiment["rows"])
