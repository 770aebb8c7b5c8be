"""What becomes of a recipient when its name stands for others: its DSN parameters, the reverse path, the report that
is due for the step. RFC 3461 §5.2.7. Pure.

An alias or forward is a step on the way, so parameters and reverse path go on with the message, and the reports of
whoever delivers it reach the sender. A list is an end of the way (§5.2.7.1): what goes to its members is new mail of
the list, from its owner, and none of the sender's wishes are handed on.
"""

from typing import NamedTuple

from heloise.mail.envelope import NO_PARAMETERS, Parameter, Parameters, Recipient
from heloise.mail.outcome import Action
from heloise.mail.path import ReversePath
from heloise.mail.route import Route
from heloise.routing.router import Accepted


class Sender(NamedTuple):
    """Under whose name mail goes on, when it is not as it came: a rewritten reverse path, or the owner of a list."""

    reverse_path: ReversePath
    of_list: bool = False

    def parameters(self, given: Parameters) -> Parameters:
        """What is left of the parameters of MAIL: what a list sends carries no ENVID and RET of the sender."""
        return given.without("ENVID", "RET") if self.of_list else given


class Onward(NamedTuple):
    """One recipient to store, with its route. `sender` is None when the mail goes on under the reverse path it has."""

    recipient: Recipient
    route: Route
    sender: Sender | None = None


def recipients_of(recipient: Recipient, accepted: Accepted) -> tuple[Onward, ...]:
    """The recipients to store for `recipient` under the reverse path the mail came with, each with its route.

    One target takes over all parameters, and no report is due for the step. Several targets (RFC 3461 §5.2.7.3, our
    choice is (c)) take over all but NOTIFY=SUCCESS: the sender who asked for it gets one `expanded` report instead.
    """
    inherited = recipient
    if _ends(accepted) > 1:
        inherited = Recipient(recipient.forward_path, _without_success(recipient.parameters))
    return tuple([Onward(inherited.renamed(path), route) for path, route in accepted.expansions])


def members_of(accepted: Accepted, reverse_path: ReversePath) -> tuple[Onward, ...]:
    """The members of all lists behind a recipient, each under the reverse path of the owner of its list.

    RFC 3461 §5.2.7.1 (b): their parameters are not derived from those of the original. Mail from nobody stays so:
    if a report to a list went out under the owner's name, it could be answered by another report, and so on for ever.
    """
    return tuple(
        Onward(Recipient(path, NO_PARAMETERS), route, sender)
        for exploded in accepted.lists
        for sender in (Sender(reverse_path if reverse_path.is_null else ReversePath(exploded.owner), of_list=True),)
        for path, route in exploded.members
    )


def due_report(recipient: Recipient, accepted: Accepted) -> Action | None:
    """The report that is due to the sender for the step itself.

    `expanded` for an alias with several targets; `delivered` for a list, which is where the message was to go.
    """
    if "SUCCESS" not in _notify(recipient.parameters):
        return None
    if _ends(accepted) > 1:
        return Action.EXPANDED
    return Action.DELIVERED if accepted.lists else None


def _ends(accepted: Accepted) -> int:
    """How many the name stands for, a list counting once."""
    return len(accepted.expansions) + len(accepted.lists)


def _notify(parameters: Parameters) -> list[str]:
    return (parameters.value("NOTIFY") or "").upper().split(",")


def _without_success(parameters: Parameters) -> Parameters:
    """NOTIFY=SUCCESS alone suppresses every other report, so what is left of it is NEVER."""
    if "SUCCESS" not in _notify(parameters):
        return parameters
    left = ",".join(word for word in _notify(parameters) if word != "SUCCESS") or "NEVER"
    items = [Parameter("NOTIFY", left) if item.keyword == "NOTIFY" else item for item in parameters]
    return Parameters(tuple(items))
