"""What clients do with each extension: well, wrongly, and without being allowed to.

The first scenario of an extension is the one its page shows.
"""

from collections.abc import Mapping

from tests.certificates import certified, users
from tests.codes.openings import DATA, EHLO, ESMTP_MAIL, GREETED, HELO, MAIL, RECIPIENT, TEXT, WAITING
from tests.staging import Scenario

STRANGER = "198.51.100.7"
FORWARDED = "C: RCPT TO:<eve@elsewhere.test>\nS: 250 2.1.5\n"

# What the next hop for elsewhere.test says and wants to hear.
PEER = """\
S: 220 mx.elsewhere.test ESMTP
C: EHLO mx.example.test
S: 250-mx.elsewhere.test
S: 250-PIPELINING
S: 250-8BITMIME
S: 250 DSN
C: MAIL FROM:<bob@example.test>{mail}
C: RCPT TO:<eve@elsewhere.test>{rcpt}
C: DATA
S: 250 Sender ok
S: 250 Recipient ok
S: 354 Go on
! message
S: 250 Queued as 4711
"""
PLAIN_PEER = PEER.replace("S: 250-8BITMIME\nS: 250 DSN\n", "").replace("250-PIPELINING", "250 PIPELINING")
TAKES_IT = PEER.format(mail="", rcpt="")
REFUSES = """\
S: 220 mx.elsewhere.test ESMTP
C: EHLO mx.example.test
S: 250 mx.elsewhere.test
C: MAIL FROM:<bob@example.test>
S: 250 Sender ok
C: RCPT TO:<eve@elsewhere.test>
S: 550 Eve has left
"""
SLOW = "S: 220 mx.elsewhere.test ESMTP\nC: EHLO mx.example.test\n! silence\n"
BUSY = "S: 421 mx.elsewhere.test is busy\n"


def _off(keyword: str) -> str:
    return f'[extensions]\n{keyword} = "off"\n'


def _not_offered(keyword: str, parameter: str) -> Scenario:
    return Scenario(
        title=f"{keyword} where the operator has it off",
        code=555,
        status="5.5.4",
        cause="parameter.unknown",
        rule=f'{keyword} = "off"',
        configuration=_off(keyword),
        play=EHLO + f"C: MAIL FROM:<bob@example.test> {parameter}\nS: 555 5.5.4\n",
    )


EXPN = (
    Scenario(
        title="the members of an alias",
        code=250,
        status="2.1.5",
        cause="expn.expanded",
        rule='team = ["alice", "bob", "eve@elsewhere.test"]',
        play=EHLO
        + """\
C: EXPN team
S: 250-2.1.5 Alice Adams <alice@example.test>
S: 250-2.1.5 Bob Baker <bob@example.test>
S: 250 2.1.5 <eve@elsewhere.test>
""",
    ),
    Scenario(
        title="a user whose mail is sent on",
        code=250,
        status="2.1.5",
        cause="expn.expanded",
        rule='"carol@example.test" = { relay = "carol@elsewhere.test" }',
        play=GREETED + "C: EXPN <carol@example.test>\nS: 250 2.1.5 <carol@elsewhere.test>\n",
    ),
    Scenario(
        title="inside a transaction, which goes on",
        code=250,
        status="2.1.5",
        cause="recipient.accepted",
        rule="[[user]]",
        play=MAIL + "C: EXPN bob\nS: 250 2.1.5 Bob Baker <bob@example.test>\n" + RECIPIENT,
    ),
    Scenario(
        title="somebody elsewhere",
        code=252,
        status="2.1.5",
        cause="vrfy.cannot-tell",
        rule="[[route]]",
        play=GREETED + "C: EXPN eve@elsewhere.test\nS: 252 2.1.5\n",
    ),
    Scenario(
        title="no name",
        code=501,
        status="5.5.4",
        cause="command.needs-argument",
        play=GREETED + "C: EXPN\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="an unknown name",
        code=550,
        status="5.1.1",
        cause="recipient.unknown",
        play=GREETED + "C: EXPN nobody\nS: 550 5.1.1\n",
    ),
    Scenario(
        title="a user who has moved",
        code=551,
        status="5.1.6",
        cause="recipient.moved",
        rule='"dave@example.test" = { tell = "dave@elsewhere.test" }',
        play=GREETED + "C: EXPN dave\nS: 551 5.1.6 User not local; please try <dave@elsewhere.test>\n",
    ),
    Scenario(
        title="an alias that leads back to itself",
        code=554,
        status="5.4.6",
        cause="alias.loop",
        rule='round = ["about"]',
        play=GREETED + "C: EXPN round\nS: 554 5.4.6\n",
    ),
    Scenario(
        title="a client that may not know",
        code=502,
        status="5.7.0",
        cause="command.disabled",
        client=STRANGER,
        simulated=True,
        play=GREETED + "C: EXPN team\nS: 502 5.7.0\n",
    ),
)

VERB = (
    Scenario(
        title="the conversation with the next hop",
        code=250,
        status="2.0.0",
        cause="message.taken",
        peer=(TAKES_IT,),
        play=HELO
        + "C: VERB\nS: 250 2.0.0 Verbose mode\nC: MAIL FROM:<bob@example.test>\nS: 250 2.1.0\n"
        + FORWARDED
        + DATA
        + TEXT
        + """\
S: 050 <eve@elsewhere.test>... Connecting to [127.0.0.1] via esmtp
S: 050 220 mx.elsewhere.test ESMTP
S: 050 >>> EHLO mx.example.test
S: 050 250-mx.elsewhere.test
S: 050 250-PIPELINING
S: 050 250-8BITMIME
S: 050 250 DSN
S: 050 >>> MAIL FROM:<bob@example.test>
S: 050 >>> RCPT TO:<eve@elsewhere.test>
S: 050 >>> DATA
S: 050 250 Sender ok
S: 050 250 Recipient ok
S: 050 354 Go on
S: 050 >>> .
S: 050 250 Queued as 4711
S: 050 <eve@elsewhere.test>... Sent (Queued as 4711)
S: 250 2.0.0
""",
    ),
    Scenario(
        title="a next hop that does not answer: the mail waits, and the reply is 250",
        code=250,
        status="2.0.0",
        cause="message.taken",
        play=HELO
        + "C: VERB\nS: 250 2.0.0\nC: MAIL FROM:<bob@example.test>\nS: 250 2.1.0\n"
        + FORWARDED
        + DATA
        + TEXT
        + """\
S: 050 <eve@elsewhere.test>... Connecting to [127.0.0.1] via esmtp
S: 050 <eve@elsewhere.test>... Deferred:
S: 250 2.0.0
""",
    ),
    Scenario(
        title="a next hop that refuses: the sender gets a report, and the reply is 250",
        code=250,
        status="2.0.0",
        cause="message.taken",
        peer=(REFUSES,),
        play=HELO
        + "C: VERB\nS: 250 2.0.0\nC: MAIL FROM:<bob@example.test>\nS: 250 2.1.0\n"
        + FORWARDED
        + DATA
        + TEXT
        + """\
S: 050 <eve@elsewhere.test>... Connecting to [127.0.0.1] via esmtp
S: 050 220 mx.elsewhere.test ESMTP
S: 050 >>> EHLO mx.example.test
S: 050 250 mx.elsewhere.test
S: 050 >>> MAIL FROM:<bob@example.test>
S: 050 250 Sender ok
S: 050 >>> RCPT TO:<eve@elsewhere.test>
S: 050 550 Eve has left
S: 050 <eve@elsewhere.test>... Failed: 550
S: 250 2.0.0
-- bob gets a report
""",
    ),
    Scenario(
        title="a mailbox here, and an alias",
        code=250,
        status="2.0.0",
        cause="message.taken",
        play=HELO
        + """\
C: VERB
S: 250 2.0.0
C: MAIL FROM:<bob@example.test>
S: 250 2.1.0
C: RCPT TO:<abuse@example.test>
S: 050 <abuse@example.test>... aliased to alice
S: 250 2.1.5
"""
        + DATA
        + TEXT
        + """\
S: 050 <alice@example.test>... Connecting to local...
S: 050 <alice@example.test>... Sent
S: 250 2.0.0
""",
    ),
    Scenario(
        title="BDAT has its 050 lines before the reply to the last chunk",
        code=250,
        status="2.0.0",
        cause="message.taken",
        play=HELO.replace("HELO", "EHLO").replace("S: 250 mx", "S: 250-mx")
        + "S: ...\nC: VERB\nS: 250 2.0.0\nC: MAIL FROM:<bob@example.test>\nS: 250 2.1.0\n"
        + RECIPIENT
        + """\
C: BDAT 17 LAST
C! Subject: x\\r\\n\\r\\ny\\r\\n
S: 050 <alice@example.test>... Connecting to local...
S: 050 <alice@example.test>... Sent
S: 250 2.0.0
""",
    ),
    Scenario(
        title="it outlives RSET and EHLO",
        code=50,
        cause="verb.progress",
        play=HELO
        + "C: VERB\nC: RSET\nS: 250 2.0.0\nS: 250 2.0.0\n"
        + EHLO.removeprefix(GREETED)
        + """\
C: MAIL FROM:<bob@example.test>
C: RCPT TO:<abuse@example.test>
S: 250 2.1.0
S: 050 <abuse@example.test>... aliased to alice
S: 250 2.1.5
""",
    ),
    Scenario(
        title="VERB OFF",
        code=250,
        status="2.0.0",
        cause="message.taken",
        play=HELO
        + """\
C: VERB
C: VERB OFF
S: 250 2.0.0 Verbose mode
S: 250 2.0.0 Verbose mode off
C: MAIL FROM:<bob@example.test>
S: 250 2.1.0
C: RCPT TO:<abuse@example.test>
S: 250 2.1.5
"""
        + DATA
        + TEXT
        + "S: 250 2.0.0\n",
    ),
    Scenario(
        title="a client that may not know",
        code=502,
        status="5.7.0",
        cause="command.disabled",
        client=STRANGER,
        simulated=True,
        play=GREETED + "C: VERB\nS: 502 5.7.0\n",
    ),
    Scenario(
        title="not without EXPN",
        code=502,
        status="5.7.0",
        cause="command.disabled",
        rule='EXPN = "off"',
        configuration='[extensions]\nVERB = "any"\nEXPN = "off"\n',
        play=GREETED + "C: VERB\nS: 502 5.7.0\n",
    ),
)

EIGHTBITMIME = (
    Scenario(
        title="text with octets above 127, to the next hop",
        code=250,
        status="2.0.0",
        cause="message.taken",
        peer=(PEER.format(mail="*BODY=8BITMIME", rcpt=""),),
        play=EHLO
        + "C: VERB\nS: 250 2.0.0\nC: MAIL FROM:<bob@example.test> BODY=8BITMIME\nS: 250 2.1.0\n"
        + FORWARDED
        + DATA
        + "C: Subject: lunch\nC: Content-Type: text/plain; charset=utf-8\nC: \nC: Käse um zwölf?\nC: .\n"
        + "S: 050 <eve@elsewhere.test>... Connecting to [127.0.0.1] via esmtp\n"
        + "S: 050\n" * 6
        + "S: 050 >>> MAIL FROM:<bob@example.test> BODY=8BITMIME\n"
        + "S: 050\n" * 8
        + "S: 250 2.0.0\n",
    ),
    Scenario(
        title="BODY=7BIT, which the text does not keep to",
        code=250,
        status="2.0.0",
        cause="message.taken",
        play=EHLO
        + "C: MAIL FROM:<bob@example.test> BODY=7BIT\nS: 250 2.1.0\n"
        + RECIPIENT
        + DATA
        + "C: Käse\nC: .\nS: 250 2.0.0\n",
    ),
    Scenario(
        title="a BODY that there is not",
        code=504,
        status="5.5.4",
        cause="parameter.value",
        play=EHLO + "C: MAIL FROM:<bob@example.test> BODY=9BIT\nS: 504 5.5.4\n",
    ),
    Scenario(
        title="BODY without a value",
        code=501,
        status="5.5.4",
        cause="parameter.syntax",
        play=EHLO + "C: MAIL FROM:<bob@example.test> BODY\nS: 501 5.5.4\n",
    ),
)

SIZE = (
    Scenario(
        title="a message declared larger than the server takes",
        code=552,
        status="5.3.4",
        cause="size.over-limit",
        rule="message_size = 1000",
        configuration="[limits]\nmessage_size = 1000\n",
        play=EHLO
        + """\
C: MAIL FROM:<bob@example.test> SIZE=1001
S: 552 5.3.4
C: MAIL FROM:<bob@example.test> SIZE=1000
S: 250 2.1.0
""",
    ),
    Scenario(
        title="a message that turns out larger than the server takes",
        code=552,
        status="5.3.4",
        cause="size.over-limit",
        rule="message_size = 1000",
        configuration="[limits]\nmessage_size = 1000\n",
        play=EHLO
        + "C: MAIL FROM:<bob@example.test> SIZE=10\nS: 250 2.1.0\n"
        + RECIPIENT
        + DATA
        + "C# 1200\nC: .\nC: NOOP\nS: 552 5.3.4\nS: 250 2.0.0\n",
    ),
    Scenario(
        title="twenty digits are a number, a large one",
        code=552,
        status="5.3.4",
        cause="size.over-limit",
        play=EHLO + "C: MAIL FROM:<bob@example.test> SIZE=99999999999999999999\nS: 552 5.3.4\n",
    ),
    Scenario(
        title="twenty-one digits are none",
        code=501,
        status="5.5.4",
        cause="parameter.syntax",
        play=EHLO + "C: MAIL FROM:<bob@example.test> SIZE=100000000000000000000\nS: 501 5.5.4\n",
    ),
    _not_offered("SIZE", "SIZE=10"),
)

DSN = (
    Scenario(
        title="the wishes of the sender go with the message to a next hop that knows DSN",
        code=250,
        status="2.0.0",
        cause="message.taken",
        peer=(
            PEER.format(
                mail=" RET=HDRS ENVID=QQ+2B314159", rcpt=" NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Eve+2Bx@elsewhere.test"
            ),
        ),
        play=EHLO
        + """\
C: VERB
S: 250 2.0.0
C: MAIL FROM:<bob@example.test> RET=HDRS ENVID=QQ+2B314159
S: 250 2.1.0
C: RCPT TO:<eve@elsewhere.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Eve+2Bx@elsewhere.test
S: 250 2.1.5
"""
        + DATA
        + TEXT
        + "S: 050 <eve@elsewhere.test>... Connecting to [127.0.0.1] via esmtp\n"
        + "S: 050\n" * 6
        + "S: 050 >>> MAIL FROM:<bob@example.test> RET=HDRS ENVID=QQ+2B314159\n"
        + "S: 050 >>> RCPT TO:<eve@elsewhere.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Eve+2Bx@elsewhere.test\n"
        + "S: 050\n" * 7
        + "S: 250 2.0.0\n",
    ),
    Scenario(
        title="a next hop without DSN gets no wishes; the report of success is made here",
        code=250,
        status="2.0.0",
        cause="message.taken",
        peer=(PLAIN_PEER.format(mail="", rcpt=""),),
        play=EHLO
        + """\
C: VERB
S: 250 2.0.0
C: MAIL FROM:<bob@example.test> RET=HDRS
S: 250 2.1.0
C: RCPT TO:<eve@elsewhere.test> NOTIFY=SUCCESS
S: 250 2.1.5
"""
        + DATA
        + TEXT
        + "S: 050 <eve@elsewhere.test>... Connecting to [127.0.0.1] via esmtp\n"
        + "S: 050\n" * 4
        + "S: 050 >>> MAIL FROM:<bob@example.test>\nS: 050 >>> RCPT TO:<eve@elsewhere.test>\n"
        + "S: 050\n" * 7
        + "S: 250 2.0.0\n-- bob gets a report\n",
    ),
    Scenario(
        title="a NOTIFY that contradicts itself",
        code=501,
        status="5.5.4",
        cause="parameter.syntax",
        play=ESMTP_MAIL + "C: RCPT TO:<alice@example.test> NOTIFY=NEVER,SUCCESS\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="an ORCPT without its type",
        code=501,
        status="5.5.4",
        cause="parameter.syntax",
        play=ESMTP_MAIL + "C: RCPT TO:<alice@example.test> ORCPT=alice@example.test\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="a RET that there is not",
        code=501,
        status="5.5.4",
        cause="parameter.syntax",
        play=EHLO + "C: MAIL FROM:<bob@example.test> RET=ALL\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="NOTIFY on the wrong command",
        code=555,
        status="5.5.4",
        cause="parameter.unknown",
        play=EHLO + "C: MAIL FROM:<bob@example.test> NOTIFY=NEVER\nS: 555 5.5.4\n",
    ),
    _not_offered("DSN", "RET=FULL"),
)

_PROMISE = EHLO + "C: ONEX\nS: 250 2.0.0 Only one transaction\n"
_OPEN = "C: MAIL FROM:<bob@example.test>\nS: 250 2.1.0\n"

ONEX = (
    Scenario(
        title="one message, and no second one",
        code=503,
        status="5.5.1",
        cause="sequence.onex-spent",
        play=_PROMISE
        + _OPEN
        + RECIPIENT
        + DATA
        + TEXT
        + "S: 250 2.0.0\nC: MAIL FROM:<bob@example.test>\nS: 503 5.5.1\n",
    ),
    Scenario(
        title="who stays after it is soon sent away",
        code=421,
        status="4.4.2",
        cause="session.idle",
        simulated=True,
        play=_PROMISE + _OPEN + RECIPIENT + DATA + TEXT + "S: 250 2.0.0\n-- time passes\nS: 421 4.4.2\nS: (closed)\n",
    ),
    Scenario(
        title="a transaction that comes to nothing does not count",
        code=250,
        status="2.1.0",
        cause="mail.accepted",
        play=_PROMISE + _OPEN + RECIPIENT + "C: RSET\nS: 250 2.0.0\n" + _OPEN,
    ),
    Scenario(
        title="a message that is refused counts",
        code=503,
        status="5.5.1",
        cause="sequence.onex-spent",
        play=_PROMISE
        + _OPEN
        + RECIPIENT
        + DATA
        + "C! bare\\n\\r\\n\nC: .\nS: 554 5.6.0\nC: MAIL FROM:<bob@example.test>\nS: 503 5.5.1\n",
    ),
    Scenario(
        title="an argument",
        code=501,
        status="5.5.4",
        cause="command.argument",
        play=GREETED + "C: ONEX please\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="ONEX where the operator has it off",
        code=502,
        status="5.7.0",
        cause="command.disabled",
        rule='ONEX = "off"',
        configuration=_off("ONEX"),
        play=GREETED + "C: ONEX\nS: 502 5.7.0\n",
    ),
)

_CLIENTS = """\
[etrn]
domains = []
[etrn.queues]
night = ["elsewhere.test", ".other.test"]
[[etrn.client]]
networks = ["198.51.100.7", "127.0.0.1"]
domains = ["#night"]
"""
_ARRIVES = "-- delivery to elsewhere.test is tried again\n"

ETRN = (
    Scenario(
        title="the mail that waits for a node is delivered now",
        code=253,
        status="2.0.0",
        cause="etrn.started",
        peer=(BUSY, TAKES_IT),
        play=EHLO + f"-- {WAITING}\nC: ETRN elsewhere.test\nS: 253 2.0.0 1 pending messages\n" + _ARRIVES,
    ),
    Scenario(
        title="all nodes below a domain",
        code=253,
        status="2.0.0",
        cause="etrn.started",
        peer=(BUSY, TAKES_IT),
        play=EHLO + f"-- {WAITING}\nC: ETRN @test\nS: 253 2.0.0 1 pending messages\n" + _ARRIVES,
    ),
    Scenario(
        title="a message for two people counts once",
        code=253,
        status="2.0.0",
        cause="etrn.started",
        play=EHLO
        + "-- a message for two people at elsewhere.test waits\n"
        + "C: ETRN elsewhere.test\nS: 253 2.0.0 1 pending messages\n",
    ),
    Scenario(
        title="the mail for the node is being delivered already",
        code=252,
        status="2.0.0",
        cause="etrn.under-way",
        peer=(SLOW,),
        simulated=True,
        play=EHLO
        + "-- a message for elsewhere.test is being delivered, slowly\nC: ETRN elsewhere.test\nS: 252 2.0.0\n",
    ),
    Scenario(
        title="nothing waits",
        code=251,
        status="2.0.0",
        cause="etrn.nothing-waiting",
        play=EHLO + "C: ETRN elsewhere.test\nS: 251 2.0.0\n",
    ),
    Scenario(
        title="a node that is not on the list",
        code=459,
        status="4.7.0",
        cause="etrn.refused",
        rule='domains = [".elsewhere.test"]',
        configuration='[etrn]\ndomains = [".elsewhere.test"]\n',
        play=EHLO + "C: ETRN a.elsewhere.test\nS: 251 2.0.0\nC: ETRN other.test\nS: 459 4.7.0\n",
    ),
    Scenario(
        title="a domain whose mailboxes are here",
        code=459,
        status="4.7.0",
        cause="etrn.refused",
        play=EHLO + "C: ETRN example.test\nS: 459 4.7.0\n",
    ),
    Scenario(
        title="a named queue, by the client it is for",
        code=253,
        status="2.0.0",
        cause="etrn.started",
        configuration=_CLIENTS,
        peer=(BUSY, TAKES_IT),
        play=EHLO + f"-- {WAITING}\nC: ETRN #Night\nS: 253 2.0.0 1 pending messages\n" + _ARRIVES,
    ),
    Scenario(
        title="a client of [[etrn.client]] that may not relay",
        code=251,
        status="2.0.0",
        cause="etrn.nothing-waiting",
        configuration=_CLIENTS,
        client=STRANGER,
        simulated=True,
        play=EHLO + "C: ETRN #night\nS: 251 2.0.0\n",
    ),
    Scenario(
        title="a node that is not for this client",
        code=459,
        status="4.7.0",
        cause="etrn.refused",
        rule='domains = ["#night"]',
        configuration=_CLIENTS,
        play=EHLO + "C: ETRN elsewhere.test\nS: 459 4.7.0\n",
    ),
    Scenario(
        title="again, a moment later",
        code=458,
        status="4.7.0",
        cause="etrn.too-often",
        rule='interval = "10m"',
        configuration='[etrn]\ninterval = "10m"\n',
        peer=(BUSY, BUSY),
        play=EHLO
        + f"-- {WAITING}\nC: ETRN elsewhere.test\nS: 253 2.0.0 1 pending messages\n"
        + "C: ETRN elsewhere.test\nS: 458 4.7.0\n",
    ),
    Scenario(
        title="a named queue, of which there are none",
        code=459,
        status="4.7.0",
        cause="etrn.refused",
        play=EHLO + "C: ETRN #night\nS: 459 4.7.0\n",
    ),
    Scenario(
        title="the queue can not be written to",
        code=458,
        status="4.3.0",
        cause="etrn.trouble",
        play=EHLO
        + f"-- {WAITING}\n-- nothing can be written to the disk any more\nC: ETRN elsewhere.test\nS: 458 4.3.0\n",
    ),
    Scenario(
        title="something that is no node",
        code=501,
        status="5.5.4",
        cause="command.syntax",
        play=EHLO + "C: ETRN bad..domain\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="no node",
        code=501,
        status="5.5.4",
        cause="command.needs-argument",
        play=EHLO + "C: ETRN\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="inside a transaction",
        code=503,
        status="5.5.1",
        cause="sequence.in-transaction",
        play=ESMTP_MAIL + "C: ETRN elsewhere.test\nS: 503 5.5.1\n",
    ),
    Scenario(
        title="before EHLO",
        code=503,
        status="5.5.1",
        cause="sequence.hello-first",
        play=GREETED + "C: ETRN elsewhere.test\nS: 503 5.5.1\n",
    ),
    Scenario(
        title="a client that may not relay",
        code=502,
        status="5.7.0",
        cause="command.disabled",
        client="127.0.0.2",
        play=EHLO + "C: ETRN elsewhere.test\nS: 502 5.7.0\n",
    ),
)

_SITE = """\
[extensions]
ATRN = "any"
[[odmr]]
networks = ["127.0.0.1"]
domains = ["site.test", "annex.test"]
"""

ATRN = (
    Scenario(
        title="a site comes for its mail, and roles are reversed",
        code=250,
        status="2.0.0",
        cause="atrn.turned",
        configuration=_SITE,
        play=EHLO
        + """\
-- a message for alice@site.test waits until the site comes for it
C: ATRN site.test
S: 250 2.0.0 OK now reversing the connection
C: 220 mail.site.test ready
S: EHLO mx.example.test
C: 250 mail.site.test
S: MAIL FROM:<bob@example.test>
C: 250 Sender ok
S: RCPT TO:<alice@site.test>
C: 250 Recipient ok
S: DATA
C: 354 Go on
S: Received: from other.test
-- the site hears the rest of the message
C: 250 Taken
S: QUIT
C: 221 Goodbye
S: (closed)
""",
    ),
    Scenario(
        title="no mail waits",
        code=453,
        status="4.2.0",
        cause="atrn.nothing-waiting",
        configuration=_SITE,
        play=EHLO + "C: ATRN\nS: 453 4.2.0\n",
    ),
    Scenario(
        title="a domain that is not the client's, beside one that is",
        code=450,
        status="4.7.1",
        cause="atrn.refused",
        rule="[[odmr]]",
        configuration=_SITE,
        play=EHLO + "C: ATRN site.test,example.test\nS: 450 4.7.1\n",
    ),
    Scenario(
        title="a client that nobody knows",
        code=530,
        status="5.7.0",
        cause="atrn.who",
        configuration=_SITE,
        client="127.0.0.2",
        play=EHLO + "C: ATRN site.test\nS: 530 5.7.0\n",
    ),
    Scenario(
        title="something that is no list of domains",
        code=501,
        status="5.5.4",
        cause="command.syntax",
        configuration=_SITE,
        play=EHLO + "C: ATRN site.test,\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="something behind ATRN",
        code=503,
        status="5.5.1",
        cause="atrn.not-last",
        configuration=_SITE,
        play=EHLO
        + "-- a message for alice@site.test waits until the site comes for it\n"
        + "C: ATRN\nC: 220 mail.site.test ready\nS: 503 5.5.1\nS: 500 5.5.1\n",
    ),
    Scenario(
        title="inside a transaction",
        code=503,
        status="5.5.1",
        cause="sequence.in-transaction",
        configuration=_SITE,
        play=ESMTP_MAIL + "C: ATRN site.test\nS: 503 5.5.1\n",
    ),
    Scenario(
        title="ETRN for a site that comes for its mail itself",
        code=459,
        status="4.7.0",
        cause="atrn.waits",
        configuration=_SITE,
        play=EHLO
        + "-- a message for alice@site.test waits until the site comes for it\n"
        + "C: ETRN site.test\nS: 459 4.7.0\n",
    ),
    Scenario(
        title="mail brought to where it is fetched",
        code=502,
        status="5.5.1",
        cause="atrn.only",
        listener='protocol = "odmr"\n',
        play=EHLO + "C: MAIL FROM:<bob@example.test>\nS: 502 5.5.1\n",
    ),
    Scenario(
        title="ATRN where the operator did not ask for it",
        code=502,
        status="5.7.0",
        cause="command.disabled",
        play=EHLO + "C: ATRN site.test\nS: 502 5.7.0\n",
    ),
)

AUTH = (
    Scenario(
        title="the password of bob, who may relay now",
        code=235,
        status="2.7.0",
        cause="auth.accepted",
        configuration=users(),
        play=EHLO
        + """\
C: AUTH PLAIN AGJvYgBzZXNhbWU=
S: 235 2.7.0 Authenticated
C: MAIL FROM:<bob@example.test>
S: 250 2.1.0
C: RCPT TO:<eve@elsewhere.test>
S: 250 2.1.5
""",
    ),
    Scenario(
        title="the name and the password, each asked for",
        code=235,
        status="2.7.0",
        cause="auth.accepted",
        configuration=users(),
        play=EHLO + "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: Ym9i\nS: 334 UGFzc3dvcmQ6\nC: c2VzYW1l\nS: 235 2.7.0\n",
    ),
    Scenario(
        title="a wrong password",
        code=535,
        status="5.7.8",
        cause="auth.refused",
        configuration=users(),
        play=EHLO + "C: AUTH PLAIN AGJvYgB3cm9uZw==\nS: 535 5.7.8\n",
    ),
    Scenario(
        title="an unknown name",
        code=535,
        status="5.7.8",
        cause="auth.refused",
        configuration=users(),
        play=EHLO + "C: AUTH PLAIN AGV2ZQBzZXNhbWU=\nS: 535 5.7.8\n",
    ),
    Scenario(
        title="a mechanism that there is not",
        code=504,
        status="5.5.4",
        cause="auth.mechanism",
        configuration=users(),
        play=EHLO + "C: AUTH DIGEST-MD5\nS: 504 5.5.4\n",
    ),
    Scenario(
        title="never mind",
        code=501,
        status="5.7.0",
        cause="auth.cancelled",
        configuration=users(),
        play=EHLO + "C: AUTH LOGIN\nS: 334\nC: *\nS: 501 5.7.0\n",
    ),
    Scenario(
        title="what is not base64",
        code=501,
        status="5.5.2",
        cause="auth.syntax",
        configuration=users(),
        play=EHLO + "C: AUTH PLAIN %\nS: 501 5.5.2\n",
    ),
    Scenario(
        title="mail on a listener for users, by somebody unknown",
        code=530,
        status="5.7.0",
        cause="auth.required",
        configuration=users(),
        listener="requires_auth = true\n",
        play=EHLO + "C: MAIL FROM:<bob@example.test>\nS: 530 5.7.0\n",
    ),
    Scenario(
        title="mail from an address of somebody else",
        code=553,
        status="5.7.1",
        cause="auth.sender",
        rule="sender_login_match = true",
        configuration=users(),
        play=EHLO + "C: AUTH PLAIN AGJvYgBzZXNhbWU=\nS: 235\nC: MAIL FROM:<alice@example.test>\nS: 553 5.7.1\n",
    ),
    Scenario(
        title="AUTH after AUTH",
        code=503,
        status="5.5.1",
        cause="auth.already",
        configuration=users(),
        play=EHLO + "C: AUTH PLAIN AGJvYgBzZXNhbWU=\nS: 235\nC: AUTH PLAIN AGJvYgBzZXNhbWU=\nS: 503 5.5.1\n",
    ),
)

STARTTLS = (
    Scenario(
        title="the server waits for the handshake",
        code=220,
        status="2.0.0",
        cause="tls.go-ahead",
        configuration=certified(),
        play=EHLO + "C: STARTTLS\nS: 220 2.0.0 Begin the TLS handshake\n",
    ),
    Scenario(
        title="an argument",
        code=501,
        status="5.5.4",
        cause="command.argument",
        configuration=certified(),
        play=EHLO + "C: STARTTLS now\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="STARTTLS inside a transaction",
        code=503,
        status="5.5.1",
        cause="sequence.in-transaction",
        configuration=certified(),
        play=ESMTP_MAIL + "C: STARTTLS\nS: 503 5.5.1\n",
    ),
    Scenario(
        title="something behind STARTTLS, which an attacker could have put there",
        code=421,
        status="4.7.0",
        cause="tls.injected",
        configuration=certified(),
        play=EHLO + "C: STARTTLS\nC: RSET\nS: 421 4.7.0\nS: (closed)\n",
    ),
    Scenario(
        title="STARTTLS without a certificate",
        code=502,
        status="5.7.0",
        cause="command.disabled",
        play=EHLO + "C: STARTTLS\nS: 502 5.7.0\n",
    ),
)

PIPELINING = (
    Scenario(
        title="a message in two packets",
        code=250,
        status="2.0.0",
        cause="message.taken",
        play=EHLO
        + """\
C: MAIL FROM:<bob@example.test>
C: RCPT TO:<alice@example.test>
C: RCPT TO:<nobody@example.test>
C: DATA
S: 250 2.1.0
S: 250 2.1.5
S: 550 5.1.1
S: 354
"""
        + TEXT
        + "C: QUIT\nS: 250 2.0.0\nS: 221 2.0.0\n",
    ),
    Scenario(
        title="text sent too early is taken for commands, and nothing is lost",
        code=554,
        status="5.5.1",
        cause="data.no-recipients",
        play=EHLO
        + """\
C: MAIL FROM:<bob@example.test>
C: RCPT TO:<nobody@example.test>
C: DATA
C: RSET
C: NOOP
S: 250 2.1.0
S: 550 5.1.1
S: 554 5.5.1
S: 250 2.0.0
S: 250 2.0.0
""",
    ),
)

CHUNKING = (
    Scenario(
        title="a message in two chunks",
        code=250,
        status="2.0.0",
        cause="message.taken",
        play=ESMTP_MAIL
        + RECIPIENT
        + "C: BDAT 17\nC! Subject: lunch\\r\\n\\r\nS: 250 2.0.0\nC: BDAT 11 LAST\nC! \\nAt noon?\\r\\n\nS: 250 2.0.0\n",
    ),
    Scenario(
        title="the octets of a refused chunk are read, and are no commands",
        code=503,
        status="5.5.1",
        cause="sequence.mail-first",
        play=EHLO + "C: BDAT 6 LAST\nC! QUIT\\r\\n\nC: NOOP\nS: 503 5.5.1\nS: 250 2.0.0\n",
    ),
    Scenario(
        title="DATA after BDAT",
        code=503,
        status="5.5.1",
        cause="sequence.chunking",
        play=ESMTP_MAIL + RECIPIENT + "C: BDAT 3\nC! abc\nC: DATA\nS: 250 2.0.0\nS: 503 5.5.1\n",
    ),
    Scenario(
        title="no recipient",
        code=554,
        status="5.5.1",
        cause="data.no-recipients",
        play=ESMTP_MAIL + "C: RCPT TO:<nobody@example.test>\nS: 550 5.1.1\nC: BDAT 3 LAST\nC! abc\nS: 554 5.5.1\n",
    ),
    Scenario(
        title="a size that can not be read",
        code=421,
        status="4.5.2",
        cause="command.syntax",
        play=ESMTP_MAIL + RECIPIENT + "C: BDAT many\nS: 501 5.5.4\nS: 421 4.5.2\nS: (closed)\n",
    ),
    Scenario(
        title="CHUNKING where the operator has it off",
        code=502,
        status="5.7.0",
        cause="command.disabled",
        rule='CHUNKING = "off"',
        configuration=_off("CHUNKING"),
        play=ESMTP_MAIL + RECIPIENT + "C: BDAT 6 LAST\nC! QUIT\\r\\n\nC: NOOP\nS: 502 5.7.0\nS: 250 2.0.0\n",
    ),
)

BINARYMIME = (
    Scenario(
        title="content without lines",
        code=250,
        status="2.0.0",
        cause="message.taken",
        play=EHLO
        + "C: MAIL FROM:<bob@example.test> BODY=BINARYMIME\nS: 250 2.1.0\n"
        + RECIPIENT
        + "C: BDAT 9 LAST\nC! \\x00\\xff\\n.\\r\\n.\\r\\n\nS: 250 2.0.0\n",
    ),
    Scenario(
        title="not by DATA",
        code=503,
        status="5.5.1",
        cause="sequence.binary-data",
        play=EHLO
        + "C: MAIL FROM:<bob@example.test> BODY=BINARYMIME\nS: 250 2.1.0\n"
        + RECIPIENT
        + "C: DATA\nS: 503 5.5.1\n",
    ),
    Scenario(
        title="not without CHUNKING",
        code=504,
        status="5.5.4",
        cause="parameter.value",
        configuration=_off("CHUNKING"),
        play=EHLO + "C: MAIL FROM:<bob@example.test> BODY=BINARYMIME\nS: 504 5.5.4\n",
    ),
)

ENHANCEDSTATUSCODES = (
    Scenario(
        title="every line of a reply has the status",
        code=553,
        status="5.1.4",
        cause="vrfy.ambiguous",
        play=EHLO + "C: VRFY Baker\nS: 553-5.1.4 User\nS: 553-5.1.4 Bob\nS: 553 5.1.4 Bert\n",
    ),
    Scenario(title="greeting and hello have none", code=250, cause="hello.accepted", play=HELO),
)

SMTPUTF8 = (
    Scenario(
        title="an address outside ASCII",
        code=250,
        status="2.1.5",
        cause="recipient.accepted",
        rule="[[user]]",
        configuration='[[user]]\nname = "jürgen"\n',
        play=EHLO
        + """\
C: MAIL FROM:<jürgen@example.test> SMTPUTF8
S: 250 2.1.0
C: RCPT TO:<jürgen@example.test>
S: 250 2.1.5
""",
    ),
    Scenario(
        title="VRFY that may be answered in UTF-8",
        code=250,
        status="2.1.5",
        cause="vrfy.confirmed",
        rule="[[user]]",
        configuration='[[user]]\nname = "jürgen"\nfull_name = "Jürgen Adler"\n',
        play=EHLO + "C: VRFY jürgen SMTPUTF8\nS: 250 2.1.5 Jürgen Adler <jürgen@example.test>\n",
    ),
    Scenario(
        title="VRFY that may not",
        code=252,
        status="2.6.8",
        cause="vrfy.cannot-tell",
        rule="[[user]]",
        configuration='[[user]]\nname = "jürgen"\nfull_name = "Jürgen Adler"\n',
        play=EHLO + "C: VRFY Adler\nS: 252 2.6.8\n",
    ),
    Scenario(
        title="a sender outside ASCII, without the word",
        code=550,
        status="5.6.7",
        cause="recipient.not-ascii",
        play=EHLO + "C: MAIL FROM:<jürgen@example.test>\nS: 550 5.6.7\n",
    ),
    Scenario(
        title="a recipient outside ASCII, without the word",
        code=553,
        status="5.6.7",
        cause="recipient.not-ascii",
        play=ESMTP_MAIL + "C: RCPT TO:<jürgen@example.test>\nS: 553 5.6.7\n",
    ),
    Scenario(
        title="a value",
        code=501,
        status="5.5.4",
        cause="parameter.syntax",
        play=EHLO + "C: MAIL FROM:<bob@example.test> SMTPUTF8=yes\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="not without 8BITMIME",
        code=555,
        status="5.5.4",
        cause="parameter.unknown",
        rule='8BITMIME = "off"',
        configuration=_off("8BITMIME"),
        play=EHLO + "C: MAIL FROM:<bob@example.test> SMTPUTF8\nS: 555 5.5.4\n",
    ),
    _not_offered("SMTPUTF8", "SMTPUTF8"),
)

LIMITS = (
    Scenario(
        title="as many recipients as EHLO says, and no more",
        code=452,
        status="4.5.3",
        cause="recipient.too-many",
        rule="recipients = 2",
        configuration="[limits]\nrecipients = 2\n",
        play=GREETED
        + "C: EHLO client.test\nS: 250-mx.example.test\n"
        + "S: 250-8BITMIME\nS: 250-BINARYMIME\nS: 250-CHUNKING\nS: 250-DELIVERBY\nS: 250-DSN\n"
        + "S: 250-ENHANCEDSTATUSCODES\nS: 250-ETRN\nS: 250-EXPN\nS: 250-FUTURERELEASE\n"
        + "S: 250-HELP\nS: 250-LIMITS RCPTMAX=2\nS: ...\n"
        + _OPEN
        + RECIPIENT
        + "C: RCPT TO:<bob@example.test>\nS: 250 2.1.5\nC: RCPT TO:<bert@example.test>\nS: 452 4.5.3\n",
    ),
)

VRFY = (
    Scenario(
        title="a mailbox",
        code=250,
        status="2.1.5",
        cause="vrfy.confirmed",
        rule="[[user]]",
        play=GREETED + "C: VRFY alice@example.test\nS: 250 2.1.5 Alice Adams <alice@example.test>\n",
    ),
    Scenario(
        title="a person",
        code=250,
        status="2.1.5",
        cause="vrfy.confirmed",
        rule="[[user]]",
        play=GREETED + "C: VRFY Adams\nS: 250 2.1.5 Alice Adams <alice@example.test>\n",
    ),
    Scenario(
        title="a client that may not know",
        code=252,
        status="2.0.0",
        cause="vrfy.cannot-tell",
        client="127.0.0.2",
        play=GREETED + "C: VRFY alice\nS: 252 2.0.0\nC: VRFY nobody\nS: 252 2.0.0\n",
    ),
    Scenario(
        title="an unknown name",
        code=550,
        status="5.1.1",
        cause="recipient.unknown",
        play=GREETED + "C: VRFY nobody\nS: 550 5.1.1\n",
    ),
    Scenario(
        title="a name that fits two people",
        code=553,
        status="5.1.4",
        cause="vrfy.ambiguous",
        play=GREETED + "C: VRFY Baker\nS: 553-5.1.4\nS: ...\n",
    ),
)

HELP = (
    Scenario(
        title="the form of a command",
        code=214,
        status="2.0.0",
        cause="help.topics",
        play=GREETED + "C: HELP ETRN\nS: 214-2.0.0 ETRN node | @domain | #queue\nS: 214 2.0.0\n",
    ),
    Scenario(
        title="the state of the server",
        code=211,
        status="2.0.0",
        cause="help.status",
        play=GREETED + "C: HELP STATUS\nS: 211-2.0.0 heloise\nS: 211 2.0.0 0 messages in the queue\n",
    ),
    Scenario(
        title="a command that this client may not use is no topic",
        code=504,
        status="5.3.0",
        cause="help.unknown-topic",
        client="127.0.0.2",
        play=GREETED + "C: HELP ETRN\nS: 504 5.3.0\n",
    ),
)

_SPOKESMAN = '[xclient]\nnetworks = ["127.0.0.1"]\n'
_IN_FRONT = '[xforward]\nnetworks = ["127.0.0.1"]\n'
_STRANGE = "C: MAIL FROM:<bob@example.test>\nS: 250 2.1.0\nC: RCPT TO:<eve@elsewhere.test>\nS: 550 5.7.1\n"

XCLIENT = (
    Scenario(
        title="a proxy speaks for a client, which may no more than it could by itself",
        code=550,
        status="5.7.1",
        cause="relay.denied",
        rule="[[route]]",
        configuration=_SPOKESMAN,
        play=EHLO
        + "C: XCLIENT NAME=mail.client.test ADDR=198.51.100.7 PORT=40000 PROTO=ESMTP\n"
        + GREETED
        + "C: EHLO client.test\nS: 250-mx.example.test\nS: ...\n"
        + _STRANGE,
    ),
    Scenario(
        title="the client it speaks for has no right to speak for others",
        code=550,
        status="5.7.0",
        cause="client.not-allowed",
        configuration=_SPOKESMAN,
        play=EHLO + "C: XCLIENT ADDR=[UNAVAILABLE]\n" + GREETED + "C: XCLIENT ADDR=127.0.0.1\nS: 550 5.7.0\n",
    ),
    Scenario(
        title="a user that the proxy has let in may relay",
        code=250,
        status="2.1.5",
        cause="recipient.accepted",
        rule="[[route]]",
        configuration=_SPOKESMAN,
        play=EHLO
        + "C: XCLIENT ADDR=198.51.100.7 LOGIN=bob\n"
        + GREETED
        + "C: EHLO client.test\nS: 250-mx.example.test\nS: ...\n"
        + "C: MAIL FROM:<bob@example.test>\nS: 250 2.1.0\nC: RCPT TO:<eve@elsewhere.test>\nS: 250 2.1.5\n",
    ),
    Scenario(
        title="a value that is no address",
        code=501,
        status="5.5.4",
        cause="client.attribute",
        configuration=_SPOKESMAN,
        play=EHLO + "C: XCLIENT ADDR=192.0.2\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="a client that nobody has named",
        code=550,
        status="5.7.0",
        cause="client.not-allowed",
        client="127.0.0.2",
        configuration=_SPOKESMAN,
        play=EHLO + "C: XCLIENT ADDR=127.0.0.1\nS: 550 5.7.0\n",
    ),
)

XFORWARD = (
    Scenario(
        title="a server in front tells where it has the message from",
        code=250,
        status="2.0.0",
        cause="message.taken",
        configuration=_IN_FRONT,
        play=EHLO
        + "C: XFORWARD NAME=mail.client.test ADDR=198.51.100.7 PROTO=ESMTP HELO=client.test\nS: 250 2.0.0\n"
        + "C: MAIL FROM:<bob@example.test>\nS: 250 2.1.0\n"
        + RECIPIENT
        + DATA
        + TEXT
        + "S: 250 2.0.0\n",
    ),
    Scenario(
        title="not in a transaction",
        code=503,
        status="5.5.1",
        cause="sequence.in-transaction",
        configuration=_IN_FRONT,
        play=ESMTP_MAIL + "C: XFORWARD ADDR=198.51.100.7\nS: 503 5.5.1\n",
    ),
    Scenario(
        title="an attribute that there is not",
        code=501,
        status="5.5.4",
        cause="client.attribute",
        configuration=_IN_FRONT,
        play=EHLO + "C: XFORWARD COLOUR=green\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="a client that nobody has named",
        code=550,
        status="5.7.0",
        cause="client.not-allowed",
        play=EHLO + "C: XFORWARD ADDR=198.51.100.7\nS: 550 5.7.0\n",
    ),
)

DELIVERBY = (
    Scenario(
        title="a message that is to be delivered within an hour, or returned",
        code=250,
        status="2.0.0",
        cause="message.taken",
        play=EHLO
        + "C: MAIL FROM:<bob@example.test> BY=3600;R\nS: 250 2.1.0\n"
        + RECIPIENT
        + DATA
        + TEXT
        + "S: 250 2.0.0\n",
    ),
    Scenario(
        title="a next hop that knows it, and gets what is left of the time",
        code=250,
        status="2.0.0",
        cause="message.taken",
        peer=(PEER.format(mail=" BY=3600;NT", rcpt="").replace("S: 250-8BITMIME\n", "S: 250-DELIVERBY\n"),),
        play=EHLO
        + "C: MAIL FROM:<bob@example.test> BY=3600;NT\nS: 250 2.1.0\n"
        + FORWARDED
        + DATA
        + TEXT
        + "S: 250 2.0.0\n-- the message is delivered\n",
    ),
    Scenario(
        title="no time left",
        code=501,
        status="5.5.4",
        cause="parameter.syntax",
        play=EHLO + "C: MAIL FROM:<bob@example.test> BY=0;R\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="no by-value",
        code=501,
        status="5.5.4",
        cause="parameter.syntax",
        play=EHLO + "C: MAIL FROM:<bob@example.test> BY=tomorrow\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="sooner than the server promises",
        code=555,
        status="5.5.4",
        cause="parameter.too-soon",
        rule='deliver_by_minimum = "10m"',
        configuration='[limits]\ndeliver_by_minimum = "10m"\n',
        play=EHLO + "C: MAIL FROM:<bob@example.test> BY=60;R\nS: 555 5.5.4\n",
    ),
    _not_offered("DELIVERBY", "BY=3600;N"),
)

FUTURERELEASE = (
    Scenario(
        title="a message that waits for a day",
        code=250,
        status="2.0.0",
        cause="message.taken",
        client="203.0.113.5",
        simulated=True,
        play=EHLO
        + "C: MAIL FROM:<bob@example.test> HOLDFOR=86400\nS: 250 2.1.0\n"
        + RECIPIENT
        + DATA
        + TEXT
        + "S: 250 2.0.0\n",
    ),
    Scenario(
        title="longer than the server holds any",
        code=501,
        status="5.5.4",
        cause="parameter.held-too-long",
        rule='future_release = "1d"',
        client="203.0.113.5",
        simulated=True,
        configuration='[limits]\nfuture_release = "1d"\n',
        play=EHLO + "C: MAIL FROM:<bob@example.test> HOLDFOR=86401\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="both at once",
        code=501,
        status="5.5.4",
        cause="parameter.syntax",
        client="203.0.113.5",
        simulated=True,
        play=EHLO + "C: MAIL FROM:<bob@example.test> HOLDFOR=60 HOLDUNTIL=2030-01-31T12:00:00Z\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="no moment",
        code=501,
        status="5.5.4",
        cause="parameter.syntax",
        client="203.0.113.5",
        simulated=True,
        play=EHLO + "C: MAIL FROM:<bob@example.test> HOLDUNTIL=tomorrow\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="a stranger, to whom it is not offered",
        code=555,
        status="5.5.4",
        cause="parameter.unknown",
        client=STRANGER,
        simulated=True,
        play=EHLO + "C: MAIL FROM:<eve@elsewhere.test> HOLDFOR=60\nS: 555 5.5.4\n",
    ),
)

MT_PRIORITY = (
    Scenario(
        title="a message that goes before others",
        code=250,
        status="2.0.0",
        cause="message.taken",
        peer=(PEER.format(mail=" MT-PRIORITY=5", rcpt="").replace("S: 250-8BITMIME\n", "S: 250-MT-PRIORITY\n"),),
        play=EHLO
        + "C: MAIL FROM:<bob@example.test> MT-PRIORITY=5\nS: 250 2.1.0\n"
        + FORWARDED
        + DATA
        + TEXT
        + "S: 250 2.0.0\n-- the message is delivered\n",
    ),
    Scenario(
        title="a next hop that does not know it, and finds it in the header",
        code=250,
        status="2.0.0",
        cause="message.taken",
        peer=(TAKES_IT,),
        play=EHLO
        + "C: MAIL FROM:<bob@example.test> MT-PRIORITY=-3\nS: 250 2.1.0\n"
        + FORWARDED
        + DATA
        + TEXT
        + "S: 250 2.0.0\n-- the message is delivered\n",
    ),
    Scenario(
        title="a header field in place of the parameter, which goes on as the parameter",
        code=250,
        status="2.0.0",
        cause="message.taken",
        configuration='[tunnelling]\nmt_priority = "relay"\n',
        peer=(PEER.format(mail=" MT-PRIORITY=7", rcpt="").replace("S: 250-8BITMIME\n", "S: 250-MT-PRIORITY\n"),),
        play=EHLO
        + "C: MAIL FROM:<bob@example.test>\nS: 250 2.1.0\n"
        + FORWARDED
        + DATA
        + "C: MT-Priority: 7\n"
        + TEXT
        + "S: 250 2.0.0\n-- the message is delivered\n",
    ),
    Scenario(
        title="no number from -9 to 9",
        code=501,
        status="5.5.4",
        cause="parameter.syntax",
        play=EHLO + "C: MAIL FROM:<bob@example.test> MT-PRIORITY=10\nS: 501 5.5.4\n",
    ),
    Scenario(
        title="a stranger, to whom it is not offered",
        code=555,
        status="5.5.4",
        cause="parameter.unknown",
        client=STRANGER,
        simulated=True,
        play=EHLO + "C: MAIL FROM:<eve@elsewhere.test> MT-PRIORITY=9\nS: 555 5.5.4\n",
    ),
)

REQUIRETLS = (
    Scenario(
        title="in plaintext, where it is not offered",
        code=555,
        status="5.5.4",
        cause="parameter.unknown",
        configuration=certified(),
        play=EHLO + "C: MAIL FROM:<bob@example.test> REQUIRETLS\nS: 555 5.5.4\n",
    ),
)

BY_KEYWORD: Mapping[str, tuple[Scenario, ...]] = {
    "EXPN": EXPN,
    "VERB": VERB,
    "8BITMIME": EIGHTBITMIME,
    "SIZE": SIZE,
    "DSN": DSN,
    "ONEX": ONEX,
    "ETRN": ETRN,
    "ATRN": ATRN,
    "STARTTLS": STARTTLS,
    "AUTH": AUTH,
    "PIPELINING": PIPELINING,
    "CHUNKING": CHUNKING,
    "BINARYMIME": BINARYMIME,
    "ENHANCEDSTATUSCODES": ENHANCEDSTATUSCODES,
    "SMTPUTF8": SMTPUTF8,
    "LIMITS": LIMITS,
    "DELIVERBY": DELIVERBY,
    "FUTURERELEASE": FUTURERELEASE,
    "MT-PRIORITY": MT_PRIORITY,
    "REQUIRETLS": REQUIRETLS,
    "VRFY": VRFY,
    "HELP": HELP,
    "XCLIENT": XCLIENT,
    "XFORWARD": XFORWARD,
}
