"""Each extension used well, wrongly, and without permission, with a running server."""

from dataclasses import replace

import pytest

from heloise.smtp.registry import discover
from tests.codes.acts import ACTS
from tests.extensions.scenarios import BY_KEYWORD, DELIVERBY, DSN, EIGHTBITMIME, ETRN, MT_PRIORITY
from tests.staging import Scenario, check, perform

USES = [
    pytest.param(scenario, id=f"{keyword}: {scenario.title}")
    for keyword, scenarios in BY_KEYWORD.items()
    for scenario in scenarios
]


@pytest.mark.parametrize("scenario", USES)
def test_the_server_answers_as_the_extension_asks(scenario: Scenario) -> None:
    check(scenario, perform(scenario, ACTS))


def test_no_extension_is_left_out() -> None:
    assert set(BY_KEYWORD) == discover().keywords


def test_a_verbose_client_that_goes_away_stops_no_delivery() -> None:
    verbose = BY_KEYWORD["VERB"][0]
    words, _, _ = verbose.play.partition("S: 050")
    gone = replace(verbose, play=words + "-- the client hangs up, and the message is delivered\n")
    assert len(perform(gone, ACTS).relayed) == 1


def test_eight_bit_text_passes_bit_by_bit() -> None:
    (relayed,) = perform(EIGHTBITMIME[0], ACTS).relayed
    assert relayed.endswith("\r\n\r\nKäse um zwölf?\r\n".encode())


@pytest.mark.parametrize("scenario", ETRN[:2], ids=["node", "@domain"])
def test_etrn_really_starts_what_waits(scenario: Scenario) -> None:
    (relayed,) = perform(scenario, ACTS).relayed
    assert b"Subject: later" in relayed


@pytest.mark.parametrize("scenario", DSN[:2], ids=["with", "without"])
def test_a_next_hop_gets_the_message_with_dsn_and_without(scenario: Scenario) -> None:
    assert len(perform(scenario, ACTS).relayed) == 1


def test_a_next_hop_without_mt_priority_gets_it_in_the_header() -> None:
    (known,) = perform(MT_PRIORITY[0], ACTS).relayed
    assert b"MT-Priority" not in known
    (tunnelled,) = perform(MT_PRIORITY[1], ACTS).relayed
    assert tunnelled.startswith(b"MT-Priority: -3\r\nReceived: ")


def test_a_next_hop_with_deliverby_gets_it() -> None:
    assert len(perform(DELIVERBY[1], ACTS).relayed) == 1
