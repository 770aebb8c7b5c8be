"""DSN parameters through an alias, and at a list. RFC 3461 §5.2.7."""

from heloise.mail.address import Mailbox
from heloise.mail.envelope import Parameters, Recipient
from heloise.mail.outcome import Action
from heloise.mail.path import NULL_REVERSE_PATH, ForwardPath, ReversePath
from heloise.mail.route import Route
from heloise.routing.propagate import Onward, due_report, members_of, recipients_of
from heloise.routing.router import Accepted, Exploded
from heloise.smtp import replies

ALICE = ReversePath.parse(b"<alice@sender.test>")
ROUTE = Route.parse("discard:")


def ends(*targets: str) -> tuple[tuple[ForwardPath, Route], ...]:
    return tuple((ForwardPath.parse(target.encode()), ROUTE) for target in targets)


def alias(*targets: str, lists: tuple[Exploded, ...] = ()) -> Accepted:
    return Accepted(reply=replies.RECIPIENT_OK, expansions=ends(*targets), lists=lists)


def exploded(owner: str, *members: str) -> Exploded:
    return Exploded(owner=Mailbox.from_text(owner), members=ends(*members))


def senders(onward: tuple[Onward, ...]) -> list[str]:
    return [f"{each.sender and each.sender.reverse_path} {each.recipient.encode().decode()}" for each in onward]


def stored(recipient: bytes, found: Accepted) -> list[str]:
    return [item.encode().decode() for item, _, _ in recipients_of(Recipient.parse(recipient), found)]


def test_the_name_itself_keeps_its_parameters() -> None:
    assert stored(b"<a@x.test> NOTIFY=SUCCESS", alias("<a@x.test>")) == ["<a@x.test> NOTIFY=SUCCESS"]


def test_a_single_target_takes_over_everything_and_remembers_the_original() -> None:
    assert stored(b"<a@x.test> NOTIFY=SUCCESS", alias("<b@y.test>")) == [
        "<b@y.test> NOTIFY=SUCCESS ORCPT=rfc822;a@x.test"
    ]
    assert due_report(Recipient.parse(b"<a@x.test> NOTIFY=SUCCESS"), alias("<b@y.test>")) is None


def test_an_original_recipient_that_was_given_is_kept() -> None:
    assert stored(b"<a@x.test> ORCPT=rfc822;z@q.test", alias("<b@y.test>")) == ["<b@y.test> ORCPT=rfc822;z@q.test"]


def test_several_targets_lose_success() -> None:
    assert stored(b"<a@x.test> NOTIFY=SUCCESS,FAILURE", alias("<b@y.test>", "<c@y.test>")) == [
        "<b@y.test> NOTIFY=FAILURE ORCPT=rfc822;a@x.test",
        "<c@y.test> NOTIFY=FAILURE ORCPT=rfc822;a@x.test",
    ]
    found = due_report(Recipient.parse(b"<a@x.test> NOTIFY=SUCCESS"), alias("<b@y.test>", "<c@y.test>"))
    assert found is Action.EXPANDED


def test_success_alone_becomes_never() -> None:
    found = stored(b"<a@x.test> NOTIFY=SUCCESS", alias("<b@y.test>", "<c@y.test>"))
    assert all("NOTIFY=NEVER" in item for item in found)


def test_several_targets_without_notify_get_none() -> None:
    assert stored(b"<a@x.test>", alias("<a@x.test>", "<c@y.test>")) == [
        "<a@x.test>",
        "<c@y.test> ORCPT=rfc822;a@x.test",
    ]


def test_the_members_of_a_list_get_mail_from_its_owner_and_none_of_the_senders_parameters() -> None:
    team = alias(lists=(exploded("owner@x.test", "<b@y.test>", "<c@y.test>"),))
    assert recipients_of(Recipient.parse(b"<team@x.test> NOTIFY=FAILURE"), team) == ()
    assert senders(members_of(team, ALICE)) == ["<owner@x.test> <b@y.test>", "<owner@x.test> <c@y.test>"]
    (sender, *_) = [each.sender for each in members_of(team, ALICE)]
    assert sender is not None
    given = Parameters.parse(b"SIZE=5 BODY=8BITMIME ENVID=E1 RET=FULL SMTPUTF8")
    assert str(sender.parameters(given)) == "SIZE=5 BODY=8BITMIME SMTPUTF8"


def test_a_report_that_comes_to_a_list_stays_from_nobody() -> None:
    team = alias(lists=(exploded("owner@x.test", "<b@y.test>"),))
    (onward,) = members_of(team, NULL_REVERSE_PATH)
    assert onward.sender is not None
    assert onward.sender.reverse_path.is_null


def test_a_list_is_where_the_message_was_to_go_so_it_is_reported_as_delivered() -> None:
    team = alias(lists=(exploded("owner@x.test", "<b@y.test>", "<c@y.test>"),))
    assert due_report(Recipient.parse(b"<team@x.test> NOTIFY=SUCCESS,FAILURE"), team) is Action.DELIVERED
    for unasked in (b"<team@x.test>", b"<team@x.test> NOTIFY=NEVER", b"<team@x.test> NOTIFY=FAILURE"):
        assert due_report(Recipient.parse(unasked), team) is None


def test_an_alias_for_a_list_and_somebody_else_is_expanded() -> None:
    both = alias("<b@y.test>", lists=(exploded("owner@x.test", "<c@y.test>"),))
    assert due_report(Recipient.parse(b"<all@x.test> NOTIFY=SUCCESS"), both) is Action.EXPANDED
    assert stored(b"<all@x.test> NOTIFY=SUCCESS,FAILURE", both) == ["<b@y.test> NOTIFY=FAILURE ORCPT=rfc822;all@x.test"]
