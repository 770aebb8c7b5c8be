"""What becomes of a recipient's DSN parameters when its name stands for others. RFC 3461 §5.2.7. Pure."""

from heloise.mail.envelope import Parameter, Parameters, Recipient
from heloise.mail.route import Route
from heloise.mail.xtext import encode_xtext
from heloise.routing.router import Accepted


def recipients_of(recipient: Recipient, accepted: Accepted) -> tuple[tuple[Recipient, Route], ...]:
    """The recipients to store for `recipient`, each with its route.

    One target takes over all parameters, and no report is due for the step. Several targets (§5.2.7.3, our choice is
    (c)) take over all but NOTIFY=SUCCESS: the sender who asked for it gets one `expanded` report instead.
    """
    parameters = recipient.parameters
    if len(accepted.expansions) > 1:
        parameters = _without_success(parameters)
    return tuple(
        (
            Recipient(path, parameters if path == recipient.forward_path else _with_original(parameters, recipient)),
            route,
        )
        for path, route in accepted.expansions
    )


def wants_expanded_report(recipient: Recipient, accepted: Accepted) -> bool:
    """Is an `expanded` report due to the sender?"""
    return len(accepted.expansions) > 1 and "SUCCESS" in _notify(recipient.parameters)


def _notify(parameters: Parameters) -> list[str]:
    return (parameters.value("NOTIFY") or "").upper().split(",")


def _without_success(parameters: Parameters) -> Parameters:
    """NOTIFY=SUCCESS alone suppresses every other report, so what is left of it is NEVER."""
    if "SUCCESS" not in _notify(parameters):
        return parameters
    left = ",".join(word for word in _notify(parameters) if word != "SUCCESS") or "NEVER"
    items = (Parameter("NOTIFY", left) if item.keyword == "NOTIFY" else item for item in parameters)
    return Parameters(tuple(items))


def _with_original(parameters: Parameters, recipient: Recipient) -> Parameters:
    """RFC 3461 §5.2.1 (and §4.2): a name we change is kept as ORCPT, so that a report names what the sender knows."""
    if "ORCPT" in parameters or recipient.forward_path.mailbox is None or not recipient.forward_path.is_ascii:
        return parameters
    original = Parameter("ORCPT", f"rfc822;{encode_xtext(str(recipient.forward_path.mailbox))}")
    return Parameters((*parameters.items, original))
