"""[etrn], [[etrn.client]], [etrn.queues] and [[odmr]]: what is wrong in them, and what is risky."""

import pytest

from heloise.app.configured.tables import routing_tables
from heloise.config import ConfigError, parse_configuration
from heloise.config.advice import advise
from heloise.mail.route import Route

SMALLEST = 'hostname = "mx.test"\nstate = "state"\n[[listener]]\naddress = "127.0.0.1:2525"\n'
SITE = '[[odmr]]\nnetworks = ["192.0.2.7"]\ndomains = ["site.test"]\n'
DOOR = '[[listener]]\naddress = "127.0.0.1:3366"\nprotocol = "odmr"\n'


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ('[etrn]\ndomains = ["#night"]\n', 'there is no queue "night"; name it in [etrn.queues]'),
        (
            '[etrn]\ndomains = ["#nigt"]\n[etrn.queues]\nnight = ["a.test"]\n',
            'there is no queue "nigt"; did you mean "night"?',
        ),
        ("[etrn.queues]\nnight = []\n", 'the queue "night" has no domains'),
        ('[etrn.queues]\n"by night" = ["a.test"]\n', '"by night" can not be asked for'),
        ('[etrn.queues]\nnight = ["a b"]\n', '"a b" is not a domain'),
        ('[[etrn.client]]\nnetworks = []\ndomains = ["a.test"]\n', "the client has no networks"),
        ('[[etrn.client]]\nnetworks = ["192.0.2.1/24"]\ndomains = []\n', "has bits outside its network"),
        ('[[etrn.client]]\nnetworks = ["192.0.2.1"]\ndomains = ["a b"]\n', '"a b" is not a domain'),
        ('[[odmr]]\nnetworks = []\ndomains = ["a.test"]\n', "the site has no networks"),
        ('[[odmr]]\nnetworks = ["192.0.2.1"]\ndomains = []\n', "the site has no domains"),
        ('[[odmr]]\nnetworks = ["192.0.2.1"]\n', 'the key "domains" is missing'),
        (f'[local]\ndomains = ["site.test"]\n{SITE}', "its mail can not be fetched as well"),
    ],
)
def test_a_wrong_value_is_told_in_a_sentence(addition: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_configuration(SMALLEST + addition, directory="/d")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        (SITE, "there is no listener where the site could fetch its mail"),
        (DOOR, "nobody may fetch mail here: there is no [[odmr]]"),
        (DOOR + SITE.replace("192.0.2.7", "0.0.0.0/0"), "whoever connects from 0.0.0.0/0 takes the mail for site.test"),
    ],
)
def test_what_is_risky_or_in_vain_is_advised_against(addition: str, expected: str) -> None:
    assert any(expected in item.text for item in advise(parse_configuration(SMALLEST + addition, directory="/d")))


@pytest.mark.parametrize("addition", [DOOR + SITE, '[extensions]\nATRN = "any"\n' + SITE, ""])
def test_what_goes_together_needs_no_advice(addition: str) -> None:
    items = advise(parse_configuration(SMALLEST + addition, directory="/d"))
    assert not [item for item in items if "fetch" in item.text or "takes the mail" in item.text]


def test_mail_for_a_site_is_kept_for_it_unless_it_has_a_route_of_its_own() -> None:
    own = '[[route]]\ndomains = ["site.test"]\nto = "smtp:127.0.0.1:26"\non_request = true\n'
    for addition, route in (
        (DOOR + SITE, "atrn:site.test?on-request"),
        (DOOR + own + SITE, "smtp:127.0.0.1:26?on-request"),
    ):
        (static,) = routing_tables(parse_configuration(SMALLEST + addition, directory="/d")).static_routes
        assert (static.domain, static.route) == ("site.test", Route.parse(route))
