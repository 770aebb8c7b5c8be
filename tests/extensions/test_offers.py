"""EHLO offers to each client what this client may use, and nothing else."""

import pytest

from heloise.smtp.registry import discover
from heloise.smtp.server import ServerSession
from heloise.testing.dialogue import parse_dialogue
from heloise.testing.dialogue_play import play_server
from tests.codes.acts import ACTS
from tests.codes.openings import GREETED
from tests.staging import Scenario, perform

REGISTRY = discover()
KEYWORDS = REGISTRY.keywords - {
    "VRFY",
    "STARTTLS",
    "REQUIRETLS",
    "AUTH",
    "XCLIENT",
    "XFORWARD",
}  # a verb that every server has; what needs a certificate, TLS, or users, or networks
CLIENTS = {"stranger": "198.51.100.7", "relay": "203.0.113.5", "loopback": "127.0.0.2"}
ADMITTED = {
    "off": set[str](),
    "loopback": {"loopback"},
    "relay": {"relay"},
    "any": {"stranger", "relay", "loopback"},
}
BY_DEFAULT = {
    "stranger": KEYWORDS - {"EXPN", "VERB", "ETRN", "ATRN", "FUTURERELEASE", "MT-PRIORITY"},
    "relay": KEYWORDS - {"EXPN", "VERB", "ATRN"},
    "loopback": KEYWORDS - {"ETRN", "ATRN", "FUTURERELEASE", "MT-PRIORITY"},
}
NEEDS = {"VERB": "EXPN", "BINARYMIME": "CHUNKING", "SMTPUTF8": "8BITMIME"}


def offered(client: str, configuration: str) -> set[str]:
    """The keywords that a client from there is offered."""
    end = "S: ...\n"
    scenario = Scenario(
        title="hello",
        code=250,
        cause="hello.accepted",
        configuration=configuration,
        client=client,
        simulated=True,
        play=GREETED + "C: EHLO client.test\nS: 250\n" + end,
    )
    (reply,) = (each for each in perform(scenario, ACTS).replies if each.cause.id == "hello.accepted")
    return {line.split()[0] for line in reply.lines[1:]}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("policy", ADMITTED)
def test_a_policy_for_all_extensions_holds_for_every_client(policy: str, client: str) -> None:
    configuration = "[extensions]\n" + "".join(f'{keyword} = "{policy}"\n' for keyword in sorted(KEYWORDS))
    assert offered(CLIENTS[client], configuration) == (KEYWORDS if client in ADMITTED[policy] else set())


@pytest.mark.parametrize("client", CLIENTS)
def test_by_default_strangers_are_told_nothing_about_users_and_the_queue(client: str) -> None:
    assert offered(CLIENTS[client], "") == BY_DEFAULT[client]


def test_a_listener_may_have_a_policy_of_its_own() -> None:
    own = '[[listener]]\naddress = "127.0.0.1:0"\n[listener.extensions]\nSIZE = "off"\n'
    assert offered("127.0.0.1", own) == KEYWORDS - {"ATRN"}  # the first listener, which is asked, has none


@pytest.mark.parametrize("keyword", sorted(KEYWORDS))
def test_one_that_is_off_is_withdrawn_with_those_that_need_it_and_no_other(keyword: str) -> None:
    session = ServerSession(hostname="mx.test", registry=REGISTRY, permitted=REGISTRY.keywords - {keyword})
    gone = {keyword} | {each for each, need in NEEDS.items() if need == keyword}
    assert session.view.permitted == REGISTRY.keywords - gone - {"AUTH"}  # of users it knows none


@pytest.mark.parametrize("verb", ["EXPN x", "VERB", "ONEX", "ETRN x.test", "ATRN x.test", "BDAT 0"])
def test_the_verb_of_one_that_is_off_is_502(verb: str) -> None:
    keyword = {"BDAT": "CHUNKING"}.get(verb.split()[0], verb.split()[0])
    text = f"# RFC 5321\n# options: without={keyword}\nS: 220\nC: {verb}\nS: 502 5.7.0\n"
    play_server(parse_dialogue(text), REGISTRY)
