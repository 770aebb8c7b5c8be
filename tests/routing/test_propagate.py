"""DSN parameters through an alias. RFC 3461 §5.2.7."""

from heloise.mail.envelope import Recipient
from heloise.mail.path import ForwardPath
from heloise.mail.route import Route
from heloise.routing.propagate import recipients_of, wants_expanded_report
from heloise.routing.router import Accepted
from heloise.smtp import replies


def alias(*targets: str) -> Accepted:
    return Accepted(
        reply=replies.RECIPIENT_OK,
        expansions=tuple((ForwardPath.parse(target.encode()), Route.parse("discard:")) for target in targets),
    )


def stored(recipient: bytes, found: Accepted) -> list[str]:
    return [item.encode().decode() for item, _ in recipients_of(Recipient.parse(recipient), found)]


def test_the_name_itself_keeps_its_parameters() -> None:
    assert stored(b"<a@x.test> NOTIFY=SUCCESS", alias("<a@x.test>")) == ["<a@x.test> NOTIFY=SUCCESS"]


def test_a_single_target_takes_over_everything_and_remembers_the_original() -> None:
    assert stored(b"<a@x.test> NOTIFY=SUCCESS", alias("<b@y.test>")) == [
        "<b@y.test> NOTIFY=SUCCESS ORCPT=rfc822;a@x.test"
    ]
    assert not wants_expanded_report(Recipient.parse(b"<a@x.test> NOTIFY=SUCCESS"), alias("<b@y.test>"))


def test_an_original_recipient_that_was_given_is_kept() -> None:
    assert stored(b"<a@x.test> ORCPT=rfc822;z@q.test", alias("<b@y.test>")) == ["<b@y.test> ORCPT=rfc822;z@q.test"]


def test_several_targets_lose_success() -> None:
    assert stored(b"<a@x.test> NOTIFY=SUCCESS,FAILURE", alias("<b@y.test>", "<c@y.test>")) == [
        "<b@y.test> NOTIFY=FAILURE ORCPT=rfc822;a@x.test",
        "<c@y.test> NOTIFY=FAILURE ORCPT=rfc822;a@x.test",
    ]
    assert wants_expanded_report(Recipient.parse(b"<a@x.test> NOTIFY=SUCCESS"), alias("<b@y.test>", "<c@y.test>"))


def test_success_alone_becomes_never() -> None:
    found = stored(b"<a@x.test> NOTIFY=SUCCESS", alias("<b@y.test>", "<c@y.test>"))
    assert all("NOTIFY=NEVER" in item for item in found)


def test_several_targets_without_notify_get_none() -> None:
    assert stored(b"<a@x.test>", alias("<a@x.test>", "<c@y.test>")) == [
        "<a@x.test>",
        "<c@y.test> ORCPT=rfc822;a@x.test",
    ]
