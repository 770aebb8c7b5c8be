"""The queues of all processes, asked from one of them by way of the process above: what ETRN looks at."""

from heloise.app.operator.control import remote_control
from heloise.app.operator.control_desk import ControlError
from heloise.app.operator.queue_json import Json, selection_json
from heloise.queue.errors import StoreFault
from heloise.queue.model import Selection
from heloise.world import LinkError, Network


class CrewQueue:
    """See `heloise.app.desk.WholeQueue`; `path` is the control socket of the process above."""

    def __init__(self, network: Network, path: str) -> None:
        self._network = network
        self._path = path

    async def count_messages(self, selection: Selection, *, limit: int) -> int:
        """How many messages have a selected recipient, up to `limit`. Raises StoreFault."""
        answer = await self._ask({"do": "count", "selection": selection_json(selection), "limit": limit})
        return min(int(answer["messages"]), limit)

    async def start(self, selection: Selection, *, due: float) -> int:
        """Make selected recipients that wait due then; how many. Raises StoreFault."""
        return int((await self._ask({"do": "start", "selection": selection_json(selection), "due": due}))["recipients"])

    async def _ask(self, request: Json) -> Json:
        try:
            async with remote_control(self._network, self._path) as control:
                return await control.ask(request)
        except (LinkError, ControlError) as error:
            raise StoreFault(str(error)) from error
