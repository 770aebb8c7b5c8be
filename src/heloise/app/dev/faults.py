"""What the API of a development server does with its rules to fail by. Whatever was given to it has a number."""

import json
from collections.abc import Mapping
from typing import Any

from heloise.app.dev.in_json import fault_json
from heloise.app.dev.operation import Operation
from heloise.app.dev.server import Catching
from heloise.config.faults_file import write_faults
from heloise.config.faulty import read_fault
from heloise.faults.magic import EXAMPLES
from heloise.web.exchange import Answer, HttpProblem, Request, as_json

Where = Mapping[str, str]


class DevFaults:
    """Answers for one that is running."""

    def __init__(self, running: Catching) -> None:
        self._book = running.faults

    def operations(self) -> tuple[Operation, ...]:
        """All of them."""
        return (
            Operation("GET", "/faults", self._list, "The rules it fails by, and how often each has struck."),
            Operation(
                "POST",
                "/faults",
                self._add,
                "Fail by these besides.",
                body='{"faults": ["451 twice, then accept", {"stage": "data", "to": "*@slow.test", "cut": "drop"}]}',
            ),
            Operation("GET", "/faults/file", self._file, "The rules as a file for heloise dev --faults."),
            Operation("DELETE", "/faults/{place}", self._forget_one, "Fail by this rule no more; they count from 0."),
            Operation("DELETE", "/faults", self._forget, "Fail by no rule any more."),
        )

    async def _list(self, request: Request, _: Where) -> Answer:
        return as_json(self._shape())

    def _shape(self) -> dict[str, Any]:
        book = self._book
        return {
            "seed": book.seed,
            "faults": [fault_json(rule, book.struck(rule)) for rule in book.rules],
            "removed": [fault_json(rule, 0) for rule in book.left],
            "magic": [{"address": path.strip("<>"), "meaning": meaning} for path, meaning in EXAMPLES],
        }

    async def _add(self, request: Request, _: Where) -> Answer:
        try:
            faults = json.loads(request.body)["faults"]
            self._book.give(*[read_fault(each) for each in faults])
        except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
            raise HttpProblem(400, 'the body is JSON such as {"faults": ["451 twice, then accept"]}') from None
        except ValueError as error:
            raise HttpProblem(400, str(error)) from None
        return as_json(self._shape())

    async def _file(self, request: Request, _: Where) -> Answer:
        text = write_faults(self._book.rules, self._book.seed)
        headers = {"Content-Disposition": 'attachment; filename="faults.toml"'}
        return Answer(content_type="application/toml", headers=headers, body=text.encode("utf-8", "backslashreplace"))

    async def _forget(self, request: Request, _: Where) -> Answer:
        count = len(self._book.rules)
        self._book.use(())
        return as_json({"removed": count})

    async def _forget_one(self, request: Request, where: Where) -> Answer:
        place, rules = where["place"], self._book.rules
        if place not in [str(each) for each in range(len(rules))]:
            raise HttpProblem(404, f"there is no rule {place} (any more)")
        self._book.use([rule for number, rule in enumerate(rules) if number != int(place)])
        return as_json(self._shape())
