"""Every code the server can say, said for its real cause by a running server."""

import pytest

from heloise.smtp.codes import REPLY_CODES
from tests.codes import good, later, never
from tests.codes.acts import ACTS
from tests.staging import PlayError, Scenario, check, perform

SCENARIOS = (*good.SCENARIOS, *later.SCENARIOS, *never.SCENARIOS)
REACHABLE = {
    *(211, 214, 220, 221, 250, 251, 252, 354, 421, 450, 451, 452, 500, 501, 502, 503, 504, 550, 551, 552, 553, 554),
    *(50, 253, 458, 459, 555),
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"{scenario.code:03}: {scenario.title}")
def test_the_server_says_it_for_this_cause(scenario: Scenario) -> None:
    check(scenario, perform(scenario, ACTS))


def test_no_code_is_left_out() -> None:
    assert {scenario.code for scenario in SCENARIOS} == REACHABLE


def test_the_catalogue_knows_each_code_with_each_cause() -> None:
    for scenario in SCENARIOS:
        assert scenario.cause in REPLY_CODES[scenario.code].causes, scenario.title


def test_a_server_that_says_something_else_is_found_out() -> None:
    with pytest.raises(PlayError, match="221"):
        perform(Scenario(title="", code=220, cause="session.greeting", play="S: 221"), ACTS)
