"""How the octets of a peer are cut makes no difference to what happens. RFC 5321 §4.2."""

from hypothesis import given
from hypothesis import strategies as st

from heloise.mail.content import ContentFacts
from heloise.smtp.client import ClientSession
from heloise.smtp.client_events import ClientEvent, ContentWanted, ConversationReady
from heloise.smtp.client_states import ContentDemand
from heloise.smtp.transaction import ClientOptions
from tests.smtp.clients import REGISTRY, envelope

MAIL = envelope("<u@x.test>", "<v@x.test>")
WORDS = st.sampled_from(
    ["250 ok", "250 2.1.5 ok", "550 5.1.1 no", "452 4.5.3 many", "050 working", "250-a\r\n250 b", "503 echo", "251 x"]
)
ENDINGS = st.sampled_from(["250 taken", "554 no", "421 bye", "354 what", "050 p\r\n050 q\r\n250 taken", "nonsense"])


def conversed(groups: list[str], cuts: list[int]) -> tuple[list[ClientEvent], bytes]:
    """All events, and all octets sent, when each group of replies comes in pieces of these widths."""
    session = ClientSession(ClientOptions(hello_name="client.test"), REGISTRY)
    events: list[ClientEvent] = []
    sent = b""
    for group in groups:
        octets = group.encode() + b"\r\n"
        place, turn = 0, 0
        while place < len(octets):
            session.receive_data(octets[place : place + cuts[turn % len(cuts)]])
            place, turn = place + cuts[turn % len(cuts)], turn + 1
            while (event := session.next_event()) is not None:
                events.append(event)
                if isinstance(event, ConversationReady):
                    session.begin(MAIL, ContentFacts(size=3))
                elif isinstance(event, ContentWanted) and session.content_demand is ContentDemand.NOW:
                    session.send_content(b".\r\n")
                    session.finish_content()
            sent += session.data_to_send()
    return events, sent


@given(
    st.sampled_from(["250-x.test\r\n250 PIPELINING", "250 x.test", "502 no"]),
    st.lists(WORDS, min_size=3, max_size=3),
    st.sampled_from(["354 go", "554 none", "399 go"]),
    ENDINGS,
    st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=5),
)
def test_cut_anywhere_the_dialogue_is_the_same(
    hello: str, words: list[str], data: str, ending: str, cuts: list[int]
) -> None:
    asked = [*words, data]
    groups = ["220 x.test", hello, *(["\r\n".join(asked)] if "PIPELINING" in hello else asked), ending]
    assert conversed(groups, cuts) == conversed(groups, [1])
