"""Hypothesis strategies for the nouns of mail, shared by the tests of every room."""

from hypothesis import strategies as st

from heloise.mail.address import Mailbox
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter, Parameters, Recipient
from heloise.mail.path import BARE_POSTMASTER, NULL_REVERSE_PATH, ForwardPath, ReversePath

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_LABEL = st.text(_LETTERS + "éß漢", min_size=1, max_size=12)

DOMAINS = st.one_of(
    st.lists(_LABEL, min_size=1, max_size=4).map(".".join),
    st.ip_addresses(v=4).map(lambda address: f"[{address}]"),
    st.ip_addresses(v=6).map(lambda address: f"[IPv6:{address}]"),
)
ASCII_LOCAL_PARTS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
LOCAL_PARTS = st.one_of(
    st.text(_LETTERS + "!#$%&'*+/=?^_`{|}~-.", min_size=1, max_size=40),
    ASCII_LOCAL_PARTS,
    st.text(
        st.characters(min_codepoint=0xA0, max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1, max_size=20
    ),
)
MAILBOXES = st.builds(Mailbox, LOCAL_PARTS, DOMAINS)
REVERSE_PATHS = st.one_of(st.just(NULL_REVERSE_PATH), st.builds(ReversePath, MAILBOXES))
FORWARD_PATHS = st.one_of(st.just(BARE_POSTMASTER), st.builds(ForwardPath, MAILBOXES))

_KEYWORDS = st.text(_LETTERS, min_size=1, max_size=8)
_VALUES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="="), min_size=1, max_size=30
)
PARAMETERS = st.lists(
    st.builds(Parameter, _KEYWORDS, st.one_of(st.none(), _VALUES)),
    max_size=4,
    unique_by=lambda parameter: parameter.keyword,
).map(lambda items: Parameters(tuple(items)))
RECIPIENTS = st.builds(Recipient, FORWARD_PATHS, PARAMETERS)
ENVELOPES = st.builds(
    Envelope,
    reverse_path=REVERSE_PATHS,
    parameters=PARAMETERS,
    recipients=st.lists(RECIPIENTS, min_size=1, max_size=4).map(tuple),
)
FACTS = st.builds(ContentFacts, size=st.integers(0, 1 << 40), eight_bit=st.booleans(), binary=st.booleans())
