"""What an operator may ask of the server itself, by the control socket, beside what is done with its queue."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeAlias

from heloise.app.operator.control import Desk
from heloise.app.operator.queue_json import Json

Operation: TypeAlias = Callable[[Json], Awaitable[Json]]
"""Request → answer. Raises ControlError."""


class OperationsDesk:
    """`operations` by the word after "do"; everything else is for `desk`."""

    def __init__(self, desk: Desk, operations: Mapping[str, Operation]) -> None:
        self._desk = desk
        self._operations = operations

    async def ask(self, request: Json) -> Json:
        """Do one request. Raises ControlError."""
        operation = self._operations.get(str(request.get("do")))
        return await (self._desk.ask(request) if operation is None else operation(request))

    def pieces(self, message_id: str) -> AsyncIterator[bytes]:
        """The content of a message, in pieces. Raises ControlError."""
        return self._desk.pieces(message_id)
