"""The judge alone: each law, broken and kept."""

from collections.abc import Sequence

import pytest

from heloise.testing import (
    FoundLetter,
    FoundReport,
    Judge,
    JudgementError,
    Letter,
    Queued,
    SimulatedWorld,
    Stranger,
    read_mail,
)

ALICE, BOB, CAROL = "alice@home.example", "bob@away.example", "carol@away.example"
BODY = b"At noon?\r\n"


class Court:
    """A judge, and a world whose time can be moved."""

    def __init__(self, *, expire_after: float | None = None) -> None:
        self.world = SimulatedWorld(1)
        self.judge = Judge(self.world.clock, aliases={"team@home.example": (BOB, CAROL)}, expire_after=expire_after)

    def accepted(self, *recipients: str, sender: str = ALICE) -> Letter:
        """A letter that was taken for everybody."""
        letter = self.judge.write(sender, recipients, BODY)
        attempt = self.judge.attempt(letter, "client")
        for recipient in recipients:
            attempt.accepted(recipient, "250 ok")
        return letter

    def arrives(self, letter: Letter, *recipients: str, sender: str | None = None, octets: bytes | None = None) -> None:
        """A next hop has it."""
        sender = letter.sender if sender is None else sender
        self.judge.arrived("mx", sender, recipients, b"Received: x\r\n\ty\r\n" + (octets or letter.octets))

    def laws(self, queued: Sequence[Queued] = (), *, is_final: bool = False) -> set[str]:
        """Those that are broken."""
        return {violation.law for violation in self.judge.violations(queued, is_final=is_final)}


def report(letter: Letter, recipient: str, *, report_id: str = "R1") -> bytes:
    return (
        f"From: x\r\nTo: <{letter.sender}>\r\nMessage-ID: <{report_id}>\r\n"
        "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=b\r\n\r\n--b\r\n\r\n"
        f"Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.0.0\r\n\r\n"
    ).encode() + letter.octets


def queued(letter: Letter, *recipients: str) -> Queued:
    return Queued(place="mx", sender=letter.sender, recipients=recipients, found=read_mail(letter.octets))


def test_an_accepted_letter_that_is_nowhere_is_lost_and_the_history_is_told() -> None:
    court = Court()
    court.accepted(BOB)
    with pytest.raises(JudgementError, match="is nowhere") as caught:
        court.judge.pronounce([])
    assert "written by <alice@home.example>" in str(caught.value)
    assert "is told '250 ok'" in str(caught.value)


def test_a_letter_is_kept_when_it_arrives_or_waits_or_is_reported() -> None:
    court = Court()
    letter = court.accepted(BOB, CAROL)
    court.arrives(letter, BOB)
    assert court.laws() == {"lost"}
    assert court.laws([queued(letter, CAROL)]) == set()
    court.judge.arrived("mx", "", [ALICE], report(letter, CAROL))
    assert court.laws() == set()


def test_what_still_waits_at_the_end_is_lost() -> None:
    court = Court()
    assert court.laws([queued(court.accepted(BOB), BOB)], is_final=True) == {"lost"}


def test_an_alias_stands_for_everybody_behind_it() -> None:
    court = Court()
    letter = court.accepted("team@home.example")
    court.arrives(letter, BOB)
    assert court.laws() == {"lost"}
    court.arrives(letter, CAROL)
    assert court.laws() == set()


def test_a_report_that_does_not_reach_the_sender_is_no_report() -> None:
    court = Court()
    letter = court.accepted(BOB)
    found = read_mail(report(letter, BOB))
    waiting = Queued(place="mx", sender="", recipients=(ALICE,), found=found)
    assert court.laws([waiting]) == set()
    assert court.laws() == {"lost"}


def test_changed_octets_and_a_changed_reverse_path_are_found() -> None:
    court = Court()
    letter = court.accepted(BOB, CAROL)
    court.arrives(letter, BOB, octets=letter.octets.replace(b"noon", b"nine"))
    assert court.laws([queued(letter, CAROL)]) == {"changed"}
    court = Court()
    court.arrives(court.accepted(BOB), BOB, sender=CAROL)
    assert court.laws() == {"changed"}


def test_a_letter_at_somebody_elses_is_crossed() -> None:
    court = Court()
    court.arrives(court.accepted(BOB), BOB, CAROL)
    assert court.laws() == {"crossed"}


def test_mail_that_nobody_wrote_is_crossed() -> None:
    court = Court()
    court.judge.arrived("mx", "", [BOB], b"Subject: buy\r\n\r\n")
    assert court.laws() == {"crossed"}


def test_a_refused_letter_must_not_arrive_and_one_in_doubt_may() -> None:
    court = Court()
    letter = court.judge.write(ALICE, [BOB], BODY)
    court.judge.attempt(letter, "client").refused(BOB, "550 no")
    court.arrives(letter, BOB)
    assert court.laws() == {"refused"}
    court.judge.attempt(letter, "client")
    assert court.laws() == set()


def test_the_null_path_gets_no_report_and_its_mail_may_vanish_only_for_a_reason() -> None:
    court = Court(expire_after=100.0)
    letter = court.accepted(BOB, sender="")
    assert court.laws() == {"lost"}
    court.judge.ground(BOB, "550 said the next hop")
    assert court.laws() == set()
    court.judge.arrived("mx", "", [""], report(letter, BOB))
    assert court.laws() == {"reports"}


def test_a_report_goes_from_the_null_path_to_the_sender() -> None:
    for sender, recipient in ((BOB, ALICE), ("", CAROL)):
        court = Court()
        letter = court.accepted(BOB)
        court.judge.arrived("mx", sender, [recipient], report(letter, BOB))
        assert "reports" in court.laws()


def test_a_failure_needs_a_ground_until_the_time_is_up() -> None:
    court = Court(expire_after=100.0)
    letter = court.accepted(BOB)
    court.judge.arrived("mx", "", [ALICE], report(letter, BOB))
    assert court.laws() == {"grounds"}
    court.world.time.seconds += 100.0
    assert court.laws() == set()


def test_a_second_copy_needs_an_excuse() -> None:
    court = Court()
    letter = court.accepted(BOB)
    court.arrives(letter, BOB)
    court.arrives(letter, BOB)
    assert court.laws() == {"doubled"}
    court.judge.excuse(BOB, "no reply")
    assert court.laws() == set()
    court.arrives(letter, BOB)
    assert court.laws() == {"doubled"}
    court.judge.crashed("mx")
    assert court.laws() == set()


def test_a_crash_excuses_nothing_that_had_ended_long_before() -> None:
    court = Court()
    letter = court.accepted(BOB)
    court.arrives(letter, BOB)
    court.world.time.seconds += 3600.0
    court.judge.crashed("mx")
    court.arrives(letter, BOB)
    assert court.laws() == {"doubled"}


def test_a_copy_and_a_failure_are_one_too_many() -> None:
    court = Court()
    letter = court.accepted(BOB)
    court.arrives(letter, BOB)
    court.judge.arrived("mx", "", [ALICE], report(letter, BOB))
    assert court.laws() == {"doubled"}


def test_a_report_that_comes_twice_is_doubled() -> None:
    court = Court()
    letter = court.accepted(BOB)
    for _ in range(2):
        court.judge.arrived("mx", "", [ALICE], report(letter, BOB))
    assert court.laws() == {"doubled"}


def test_what_vanishes_from_a_maildir_has_not_arrived() -> None:
    court = Court()
    letter = court.accepted(BOB)
    disk = court.world.host("mx.example").disk
    disk.make_directory("/var/mail/bob/new")
    file = disk.create("/var/mail/bob/new/1")
    file.write(f"Return-Path: <{ALICE}>\r\nDelivered-To: {BOB}\r\n".encode() + letter.octets)
    for _ in range(2):
        court.judge.look_into_maildir("mx", disk, "/var/mail/bob")
    assert court.laws() == set()
    disk.remove("/var/mail/bob/new/1")
    court.judge.look_into_maildir("mx", disk, "/var/mail/bob")
    assert court.laws() == {"lost"}


def test_a_conversion_to_seven_bits_is_undone() -> None:
    letter = Court().judge.write(ALICE, [BOB], "Grüße\r\n".encode())
    assert isinstance(read_mail(letter.octets), FoundLetter)
    converted = letter.octets.replace("Grüße".encode(), b"Gr=C3=BC=C3=9Fe").replace(b": 8bit", b": quoted-printable")
    found = read_mail(b"X-MIME-Autoconverted: from 8bit to 7bit\r\nReceived: x\r\n" + converted)
    assert found == FoundLetter(token=letter.token, octets=letter.octets)
    assert read_mail(converted) != found


def test_mail_is_a_letter_a_report_or_a_stranger() -> None:
    letter = Court().judge.write(ALICE, [BOB], BODY)
    assert isinstance(read_mail(report(letter, BOB)), FoundReport)
    assert isinstance(read_mail(b"Subject: x\r\n\r\n" + letter.octets), Stranger)
    assert isinstance(read_mail(b""), Stranger)
