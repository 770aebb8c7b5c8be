"""Is the server alive, and is it ready for mail?"""

import asyncio
from collections.abc import Sequence

from heloise.app.operator.control_desk import ControlError
from heloise.app.operator.crew_control import ask_process
from heloise.app.operator.queue_json import Json
from heloise.observe.exposition import put_together
from heloise.world import Network

PATIENCE = 5.0  # seconds that a process gets to say how it is


def health(why_not: str | None) -> Json:
    """As /ready and `heloise health` tell it; `why_not` is None for a server that is ready."""
    return {"live": True, "ready": why_not is None, "why": why_not}


class CrewHealth:
    """Asks all processes, which are spoken to at `sockets`. `is_stopping` is set by the one above."""

    def __init__(self, network: Network, sockets: Sequence[str]) -> None:
        self._network = network
        self._sockets = sockets
        self.is_stopping = False

    async def health(self, request: Json) -> Json:
        """Ready when all are."""
        if self.is_stopping:
            return health("the server is being stopped")
        try:
            async with asyncio.timeout(PATIENCE):
                for answer in await self._all({"do": "health"}):
                    if not answer["ready"]:
                        return health(answer["why"])
        except ControlError as error:
            return health(str(error))
        except TimeoutError:
            return health("a process does not answer")
        return health(None)

    async def metrics(self, request: Json) -> Json:
        """Of those that answer: one that is being started again counts from nothing, as counters may."""
        answers = await asyncio.gather(
            *(ask_process(self._network, path, {"do": "metrics"}) for path in self._sockets), return_exceptions=True
        )
        return {"families": put_together([each["families"] for each in answers if isinstance(each, dict)])}

    async def _all(self, request: Json) -> list[Json]:
        return await asyncio.gather(*(ask_process(self._network, path, request) for path in self._sockets))
