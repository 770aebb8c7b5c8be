"""Ways to the codes that say yes: 2yz and 3yz, and 050. The first scenario of a code is the one its page shows."""

from tests.codes.openings import EHLO, ESMTP_MAIL, GREETED, HELO, MAIL, RECIPIENT, TEXT, WAITING
from tests.staging import Scenario

SCENARIOS = (
    Scenario(
        title="VERB shows who is behind an alias",
        code=50,
        cause="verb.progress",
        play=EHLO
        + """\
C: VERB
C: MAIL FROM:<carol@example.test>
C: RCPT TO:<team@example.test>
S: 250 2.0.0
S: 250 2.1.0
S: 050 <team@example.test>... aliased to alice, bob, eve@elsewhere.test
S: 250 2.1.5
""",
    ),
    Scenario(
        title="VERB shows the next hop",
        code=50,
        cause="verb.progress",
        peer=(
            """\
S: 220 mx.elsewhere.test ESMTP
C: EHLO mx.example.test
S: 250-mx.elsewhere.test
S: 250 PIPELINING
C: MAIL FROM:<carol@example.test>
C: RCPT TO:<eve@elsewhere.test>
C: DATA
S: 250 Sender ok
S: 250 Recipient ok
S: 354 Go on
! message
S: 250 Queued as 4711
""",
        ),
        play=GREETED
        + """\
C: HELO client.test
C: VERB
S: 250 mx.example.test
S: 250 2.0.0
C: MAIL FROM:<carol@example.test>
C: RCPT TO:<eve@elsewhere.test>
C: DATA
S: 250 2.1.0
S: 250 2.1.5
S: 354
C: Subject: hello
C: .
S: 050 <eve@elsewhere.test>... Connecting to
S: 050 220 mx.elsewhere.test ESMTP
S: 050 >>> EHLO mx.example.test
S: 050 250-mx.elsewhere.test
S: 050 250 PIPELINING
S: 050 >>> MAIL FROM:<carol@example.test>
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
        title="HELP STATUS tells how the server is",
        code=211,
        status="2.0.0",
        cause="help.status",
        play=GREETED + "C: HELP STATUS\nS: 211-2.0.0 heloise\nS: 211 2.0.0 0 messages in the queue\n",
    ),
    Scenario(
        title="HELP with a command tells its form",
        code=214,
        status="2.0.0",
        cause="help.topics",
        play=GREETED + "C: HELP RCPT\nS: 214-2.0.0 RCPT TO:<forward-path>\nS: 214 2.0.0\n",
    ),
    Scenario(
        title="HELP lists the commands",
        code=214,
        status="2.0.0",
        cause="help.topics",
        play=GREETED + "C: HELP\nS: 214-2.0.0 Commands:\nS: *\n",
    ),
    Scenario(title="the greeting", code=220, cause="session.greeting", play=GREETED),
    Scenario(
        title="QUIT ends the session",
        code=221,
        status="2.0.0",
        cause="session.closing",
        play=GREETED + "C: QUIT\nS: 221 2.0.0\nS: (closed)\n",
    ),
    Scenario(
        title="a message is taken",
        code=250,
        status="2.0.0",
        cause="message.taken",
        play=MAIL + RECIPIENT + "C: DATA\nS: 354\n" + TEXT + "S: 250 2.0.0\n",
    ),
    Scenario(
        title="EHLO is answered with the extensions",
        code=250,
        cause="hello.accepted",
        play=GREETED + "C: EHLO client.test\nS: 250-mx.example.test\nS: *\n",
    ),
    Scenario(title="HELO is answered by one line", code=250, cause="hello.accepted", play=HELO),
    Scenario(title="MAIL opens a transaction", code=250, status="2.1.0", cause="mail.accepted", play=MAIL),
    Scenario(
        title="RCPT names a user",
        code=250,
        status="2.1.5",
        cause="recipient.accepted",
        rule="[[user]]",
        play=MAIL + RECIPIENT,
    ),
    Scenario(
        title="RCPT names somebody elsewhere, and the client may relay",
        code=250,
        status="2.1.5",
        cause="recipient.accepted",
        rule="[[route]]",
        play=MAIL + "C: RCPT TO:<eve@elsewhere.test>\nS: 250 2.1.5\n",
    ),
    Scenario(
        title="RCPT for Postmaster without a domain",
        code=250,
        status="2.1.5",
        cause="recipient.accepted",
        rule="[[user]]",
        play=MAIL + "C: RCPT TO:<poSTmaster>\nS: 250 2.1.5\n",
    ),
    Scenario(
        title="a chunk is taken",
        code=250,
        status="2.0.0",
        cause="chunk.taken",
        play=ESMTP_MAIL + RECIPIENT + "C: BDAT 10\nC! 0123456789\nS: 250 2.0.0\n",
    ),
    Scenario(
        title="RSET forgets the transaction",
        code=250,
        status="2.0.0",
        cause="reset.done",
        play=MAIL + "C: RSET\nS: 250 2.0.0\nC: RCPT TO:<alice@example.test>\nS: 503 5.5.1\n",
    ),
    Scenario(
        title="NOOP does nothing",
        code=250,
        status="2.0.0",
        cause="noop.done",
        play=GREETED + "C: NOOP whatever\nS: 250 2.0.0\n",
    ),
    Scenario(
        title="VRFY of a mailbox",
        code=250,
        status="2.1.5",
        cause="vrfy.confirmed",
        rule="[[user]]",
        play=GREETED + "C: VRFY alice\nS: 250 2.1.5 Alice Adams <alice@example.test>\n",
    ),
    Scenario(
        title="EXPN of an alias",
        code=250,
        status="2.1.5",
        cause="expn.expanded",
        rule='team = ["alice", "bob", "eve@elsewhere.test"]',
        play=GREETED
        + """\
C: EXPN team
S: 250-2.1.5 Alice Adams <alice@example.test>
S: 250-2.1.5 Bob Baker <bob@example.test>
S: 250 2.1.5 <eve@elsewhere.test>
""",
    ),
    Scenario(title="VERB", code=250, status="2.0.0", cause="verb.on", play=GREETED + "C: VERB\nS: 250 2.0.0\n"),
    Scenario(
        title="VERB OFF",
        code=250,
        status="2.0.0",
        cause="verb.off",
        play=GREETED + "C: VERB OFF\nS: 250 2.0.0\n",
    ),
    Scenario(title="ONEX", code=250, status="2.0.0", cause="onex.promised", play=GREETED + "C: ONEX\nS: 250 2.0.0\n"),
    Scenario(
        title="RCPT for a user who has moved: the mail is sent on",
        code=251,
        status="2.1.5",
        cause="recipient.forwarded",
        rule='"carol@example.test" = { relay = "carol@elsewhere.test" }',
        play=MAIL
        + """\
C: RCPT TO:<carol@example.test>
S: 251 2.1.5 User not local; will forward to <carol@elsewhere.test>
""",
    ),
    Scenario(
        title="VRFY of a user who has moved",
        code=251,
        status="2.1.5",
        cause="recipient.forwarded",
        rule='"carol@example.test" = { relay = "carol@elsewhere.test" }',
        play=GREETED + "C: VRFY carol\nS: 251 2.1.5 User not local; will forward to <carol@elsewhere.test>\n",
    ),
    Scenario(
        title="ETRN for a node that nothing waits for",
        code=251,
        status="2.0.0",
        cause="etrn.nothing-waiting",
        play=HELO + "C: ETRN elsewhere.test\nS: 251 2.0.0\n",
    ),
    Scenario(
        title="VRFY of somebody elsewhere",
        code=252,
        status="2.1.5",
        cause="vrfy.cannot-tell",
        rule="[[route]]",
        play=GREETED + "C: VRFY eve@elsewhere.test\nS: 252 2.1.5\n",
    ),
    Scenario(
        title="VRFY by a client that may not know",
        code=252,
        status="2.0.0",
        cause="vrfy.cannot-tell",
        rule='VRFY = "off"',
        configuration='[extensions]\nVRFY = "off"\n',
        play=GREETED + "C: VRFY alice\nS: 252 2.0.0\nC: VRFY nobody\nS: 252 2.0.0\n",
    ),
    Scenario(
        title="ETRN starts what waits",
        code=253,
        status="2.0.0",
        cause="etrn.started",
        play=HELO
        + f"-- {WAITING}\n"
        + """\
C: ETRN elsewhere.test
S: 253 2.0.0 1 pending messages for elsewhere.test started
-- delivery to elsewhere.test is tried again
""",
    ),
    Scenario(
        title="DATA after an accepted recipient",
        code=354,
        cause="data.go-ahead",
        play=MAIL + RECIPIENT + "C: DATA\nS: 354\n",
    ),
)
