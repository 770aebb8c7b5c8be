"""decode: sessions or a ValueError for any text; what it reads is written and read again as it was."""

from heloise.app.again.recorded import decode, encode
from tests.fuzz.targets import Target

_WORDS = (
    '{"session":"s","at":1,"client":"192.0.2.1","listener":"","steps":[',
    '["C","EHLO a",[[250,"hello.accepted",null,"x"]]]', '["M",100,[]]', '["T","TLSv1.3 X not verified",[]]',
    '["A","alice",[]]', '["C","\\u2028",[]]', '"at":NaN',
    '"dns":[', '["addresses","a.test",["192.0.2.1"],1]', '["mx","a.test",["0 ."],2]',
    '["names","a","no such domain",1]', '"dns_left_out":1', "1e999",
    ",", "]}", "\n", "\n\n", "C: EHLO a\n", "C: AUTH PLAIN x\n", "C: [message, 99 octets]\n", "-- TLSv1.3 X verified\n",
    "# client: 192.0.2.1\n", "# user: bob\n", "S: 250 ok\n", "****", "-1", "null",
)  # fmt: skip


def run(octets: bytes) -> None:
    """All of it is the text."""
    try:
        sessions = tuple(decode(octets.decode("utf-8", "replace")))
    except ValueError:
        return
    assert tuple(decode("".join(map(encode, sessions)))) == sessions


TARGET = Target(run=run, tokens=tuple(each.encode() for each in _WORDS))
