"""How many sessions there are: on all listeners together, and from each address. RFC 5321 §3.8, §4.3.2."""

from collections import Counter

from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.reply import Reply
from heloise.smtp import replies

UNIX = "unix"  # programs on this machine are not counted one by one


class Census:
    """Counts sessions; `rules` say where the limits are written."""

    def __init__(
        self,
        *,
        total: int,
        per_client: int,
        total_rule: Rule | None = None,
        per_client_rule: Rule | None = None,
    ) -> None:
        self._total = total
        self._per_client = per_client
        self._total_rule = total_rule
        self._per_client_rule = per_client_rule
        self._present = 0
        self._by_address: Counter[str] = Counter()

    def allow(
        self, *, total: int, per_client: int, total_rule: Rule | None = None, per_client_rule: Rule | None = None
    ) -> None:
        """So many from now on; those who are there stay."""
        self._total, self._total_rule = total, total_rule
        self._per_client, self._per_client_rule = per_client, per_client_rule

    def enter(self, address: str) -> Reply | None:
        """One more from `address`: None when it may, else the 421. Counted in both cases; `leave` when it is over."""
        self._present += 1
        if address != UNIX:
            self._by_address[address] += 1
        if self._present > self._total:
            return too_many(self._total_rule, limit=self._total)
        if self._by_address[address] > self._per_client:
            return too_many(self._per_client_rule, client=address, limit=self._per_client)
        return None

    def leave(self, address: str) -> None:
        """The session is over."""
        self._present -= 1
        if address != UNIX:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


def too_many(rule: Rule | None, **inputs: object) -> Reply:
    """421 4.3.2 at the greeting, with what decided it."""
    return replies.TOO_MANY_CONNECTIONS.with_cause(causes.SESSION_TOO_MANY_CONNECTIONS.because(rule, **inputs))
