"""What checks say about clients, names and senders, on a whole server with a simulated DNS."""

from ipaddress import ip_address

import pytest

from heloise.policy.checks.dns_list import question
from heloise.testing import Zones
from heloise.world import ResolverFault
from tests.policy.house import House, at_home

GOOD, BAD = "198.51.100.7", "203.0.113.9"


def refusals(more: str, *lines: str, address: str = GOOD, prepare: object = None) -> list[tuple[str, str]]:
    """What a client that says these lines is refused: the reply's code and status, and the cause."""
    found: list[tuple[str, str]] = []

    async def play(house: House) -> None:
        if callable(prepare):
            prepare(house.world.zones)
        client = await house.connect(address)
        await client.hear()
        for line in lines:
            await client.say(line)
        for refused in house.events("command.refused"):
            assert "rule" in refused, refused
            found.append((" ".join(str(refused["reply"]).split(" ")[:2]), str(refused["cause"])))

    at_home(play, more=more)
    return found


@pytest.mark.parametrize(
    ("key", "name", "cause"),
    [
        ("hello_ours", "MX.home.test", "hello.ours"),
        ("hello_ours", "home.test", "hello.ours"),
        ("hello_ours", "[192.0.2.1]", "hello.ours"),
        ("hello_literal", "[192.0.2.77]", "hello.literal"),
        ("hello_short", "localhost", "hello.short"),
        ("hello_unresolved", "nowhere.test", "hello.unresolved"),
    ],
)
def test_a_name_that_can_not_be_the_clients_is_refused(key: str, name: str, cause: str) -> None:
    policy = f'[policy]\n{key} = "refuse"\n'
    assert refusals(policy, f"EHLO {name}") == [("550 5.7.1", cause)]


@pytest.mark.parametrize("name", ["client1.test", f"[{GOOD}]"])
def test_a_good_name_passes_all_checks_of_names(name: str) -> None:
    weights = "".join(f'hello_{key} = "refuse"\n' for key in ("ours", "literal", "short", "unresolved"))
    assert refusals(f'[policy]\n{weights}reverse_name = "refuse"\n', f"EHLO {name}") == []


def test_a_client_that_may_relay_is_not_asked_about() -> None:
    more = f'[policy]\nhello_short = "refuse"\n[relay]\nnetworks = ["{GOOD}"]\n'
    assert refusals(more, "EHLO localhost") == []


@pytest.mark.parametrize("names", [("mx.home.test",), ()])
def test_a_client_without_a_name_that_leads_back_is_refused_at_the_greeting(names: tuple[str, ...]) -> None:
    async def play(house: House) -> None:
        client = await house.connect(BAD)
        house.world.zones.remove(ip_address(BAD).reverse_pointer)
        for name in names:
            house.world.zones.add_name(BAD, name)
        assert (await client.hear()).startswith(f"554 mx.home.test {BAD} has no name")

    at_home(play, more='[policy]\nreverse_name = "refuse"\n')


LIST = '[[policy.list]]\nzone = "bl.test"\nweight = {weight}\n{more}'


def listed(answer: str) -> object:
    def prepare(zones: Zones) -> None:
        zones.add_addresses(question(GOOD, "bl.test"), [answer])

    return prepare


def test_the_question_is_the_address_in_reverse() -> None:
    assert question("192.0.2.99", "bl.test") == "99.2.0.192.bl.test"
    assert question("2001:db8::1", "bl.test") == "1" + ".0" * 23 + ".8.b.d.0.1.0.0.2.bl.test"


def greeting(more: str, prepare: object) -> tuple[str, list[dict[str, object]]]:
    said: list[str] = []
    troubles: list[dict[str, object]] = []

    async def play(house: House) -> None:
        assert callable(prepare)
        prepare(house.world.zones)
        said.append(await (await house.connect()).hear())
        troubles.extend(house.events("policy.trouble"))

    at_home(play, more=more)
    return said[0], troubles


def test_a_listed_client_is_refused_at_the_greeting_and_told_which_list() -> None:
    said, _ = greeting(LIST.format(weight='"refuse"', more=""), listed("127.0.0.2"))
    assert said == f"554 mx.home.test {GOOD} is listed in bl.test"


def test_only_the_answers_that_count_do() -> None:
    more = LIST.format(weight='"refuse"', more='answers = ["127.0.0.4/31"]\n')
    assert greeting(more, listed("127.0.0.2"))[0].startswith("220")
    assert greeting(more, listed("127.0.0.5"))[0].startswith("554")
    assert greeting(LIST.format(weight='"refuse"', more=""), listed("192.0.2.4"))[0].startswith("220")


def test_a_list_that_complains_about_our_name_server_refuses_nobody_and_is_told_of() -> None:
    said, troubles = greeting(LIST.format(weight='"refuse"', more=""), listed("127.255.255.254"))
    assert said.startswith("220")
    assert troubles[0]["check"] == "dns-list bl.test"


@pytest.mark.parametrize(("on_trouble", "code"), [("ignore", "220"), ("later", "421")])
def test_name_servers_in_trouble_refuse_nobody_or_everybody_as_configured(on_trouble: str, code: str) -> None:
    def broken(zones: Zones) -> None:
        zones.fail(question(GOOD, "bl.test"), ResolverFault.SERVER_FAILURE)

    policy = f'[policy]\non_trouble = "{on_trouble}"\n'
    said, troubles = greeting(policy + LIST.format(weight='"refuse"', more=""), broken)
    assert said.startswith(code)
    assert "bl.test" in str(troubles[0]["trouble"])


def test_points_of_several_lists_add_up_and_good_ones_count_against_them() -> None:
    lists = "[policy]\nrefuse_at = 5\n" + "".join(
        f'[[policy.list]]\nzone = "{zone}.test"\nweight = {weight}\n'
        for zone, weight in (("a", 3), ("b", 2.5), ("w", -4))
    )

    def said(*zones_with_it: str) -> list[tuple[str, str]]:
        def prepare(zones: Zones) -> None:
            for zone in zones_with_it:
                zones.add_addresses(question(GOOD, f"{zone}.test"), ["127.0.0.2"])

        return refusals(lists, "EHLO client1.test", "MAIL FROM:<>", "RCPT TO:<bob@home.test>", prepare=prepare)

    assert said("a") == []
    assert said("a", "b") == [("550 5.7.1", "policy.points")]
    assert said("a", "b", "w") == []


def senders(zones: Zones) -> None:
    zones.add_mail_exchanger("null.test", 0, ".")
    zones.add_addresses("only-a.test", ["192.0.2.200"])
    zones.add_mail_exchanger("mx.test", 10, "only-a.test")
    zones.fail("broken.test", ResolverFault.TIMED_OUT)


@pytest.mark.parametrize(
    ("sender", "refused"),
    [
        ("a@nowhere.test", [("553 5.1.8", "sender.no-such-domain")]),
        ("a@null.test", [("550 5.7.27", "sender.null-mx")]),
        ("a@broken.test", [("451 4.1.8", "sender.dns-failure")]),
        ("a@only-a.test", []),
        ("a@mx.test", []),
        ("a@home.test", []),
        ("a@[192.0.2.7]", []),
        ("", []),
    ],
)
def test_a_sender_who_could_not_be_answered_is_refused(sender: str, refused: list[tuple[str, str]]) -> None:
    lines = ("EHLO client1.test", f"MAIL FROM:<{sender}>")
    assert refusals('[policy]\nsender_domain = "refuse"\n', *lines, prepare=senders) == refused


def test_a_recipient_whose_domain_takes_no_mail_is_556_at_rcpt() -> None:
    more = f'[policy]\nrecipient_null_mx = true\n[relay]\nnetworks = ["{GOOD}"]\n'
    lines = ("EHLO c.test", "MAIL FROM:<>", "RCPT TO:<x@null.test>", "RCPT TO:<x@mx.test>", "RCPT TO:<x@broken.test>")
    assert refusals(more, *lines, prepare=senders) == [("556 5.1.10", "route.null-mx")]
