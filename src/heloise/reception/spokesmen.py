"""Clients that speak for others by XCLIENT: what the session may do from then on. postfix.org, XCLIENT_README.

Whether they may is decided by their own address, before (`AdmissionPolicy.granted`); what they may do after it, by the
address they tell. So nobody gets more by pretending than the pretended client would have.
"""

from dataclasses import replace

from heloise.mail.attributes import Attributes
from heloise.mail.reply import Reply
from heloise.reception.admission import Admission, AdmissionPolicy
from heloise.reception.census import Census
from heloise.smtp.extension import ServerView
from heloise.smtp.extensions.xclient import read_address
from heloise.smtp.limits import AuthRules
from heloise.smtp.registry import Registry
from heloise.world import Endpoint

UNKNOWN = "unknown"  # in place of an address


class Spokesmen:
    """Admits pretended clients to one listener."""

    def __init__(self, policy: AdmissionPolicy, registry: Registry, census: Census, auth: AuthRules) -> None:
        self._policy = policy
        self._registry = registry
        self._census = census
        self._auth = auth

    def introduce(self, claim: Attributes, present: Admission, view: ServerView) -> tuple[Admission, Reply | None]:
        """The admission of the claimed client, in place of the `present` one, in the census and in `view` too; and the
        421 when it has too many connections."""
        admission = replace(self._admit(claim, present), name=claim.get("NAME"), local=_local(claim) or present.local)
        self._census.leave(present.address)
        refusal = self._census.enter(admission.address)
        keywords = admission.permitted if self._auth.mechanisms else admission.permitted - {"AUTH"}
        view.permitted = self._registry.usable(keywords)
        view.auth = replace(self._auth, in_clear=self._auth.in_clear or admission.is_local)
        return admission, refusal

    def _admit(self, claim: Attributes, present: Admission) -> Admission:
        if not claim.has("ADDR"):
            return present
        address = claim.get("ADDR")
        if address is None:
            return self._policy.admit_stranger(UNKNOWN)
        return self._policy.admit(Endpoint(read_address(address), int(claim.get("PORT") or 0)))


def _local(claim: Attributes) -> Endpoint | None:
    """Where the client has connected to, as it is told."""
    address = claim.get("DESTADDR")
    return None if address is None else Endpoint(read_address(address), int(claim.get("DESTPORT") or 0))
