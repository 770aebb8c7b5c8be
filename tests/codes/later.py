"""Ways to the codes that say not now: 4yz. The first scenario of a code is the one its page shows."""

from tests.codes.openings import DATA, EHLO, ESMTP_MAIL, GREETED, HELO, MAIL, RECIPIENT, TEXT, WAITING
from tests.staging import Scenario

SCENARIOS = (
    Scenario(
        title="the server is being stopped",
        code=421,
        status="4.3.2",
        cause="session.shutdown",
        play=HELO + "-- the operator stops the server\nS: 421 4.3.2\nS: (closed)\n",
    ),
    Scenario(
        title="the client is silent for too long",
        code=421,
        status="4.4.2",
        cause="session.idle",
        rule='command_timeout = "0.1s"',
        configuration='[limits]\ncommand_timeout = "0.1s"\n',
        play=GREETED + "-- time passes\nS: 421 4.4.2\nS: (closed)\n",
    ),
    Scenario(
        title="the client is silent within the text",
        code=421,
        status="4.4.2",
        cause="session.idle",
        rule='data_timeout = "3m"',
        configuration='[limits]\ndata_timeout = "3m"\n',
        play=MAIL + RECIPIENT + DATA + "C: Subject: half\n-- time passes\nS: 421 4.4.2\nS: (closed)\n",
        simulated=True,
    ),
    Scenario(
        title="the client stays after its one transaction",
        code=421,
        status="4.4.2",
        cause="session.idle",
        play=HELO
        + """\
C: ONEX
C: MAIL FROM:<bob@example.test>
C: RCPT TO:<alice@example.test>
C: DATA
S: 250 2.0.0
S: 250 2.1.0
S: 250 2.1.5
S: 354
"""
        + TEXT
        + "S: 250 2.0.0\n-- time passes\nS: 421 4.4.2\nS: (closed)\n",
        simulated=True,
    ),
    Scenario(
        title="the client makes too many errors",
        code=421,
        status="4.7.0",
        cause="session.too-many-errors",
        rule="errors = 3",
        configuration="[limits]\nerrors = 3\n",
        play=GREETED
        + """\
C: HALO
C: HALLO
C: HULLO
C: NOOP
S: 500 5.5.1
S: 500 5.5.1
S: 500 5.5.1
S: 421 4.7.0
S: (closed)
""",
    ),
    Scenario(
        title="the client gives commands and no mail",
        code=421,
        status="4.7.0",
        cause="session.idle-commands",
        rule="idle_commands = 2",
        configuration="[limits]\nidle_commands = 2\n",
        play=GREETED + "C: NOOP\nC: RSET\nC: NOOP\nS: 250 2.0.0\nS: 250 2.0.0\nS: 421 4.7.0\nS: (closed)\n",
    ),
    Scenario(
        title="the client guesses recipients",
        code=421,
        status="4.7.0",
        cause="session.refused-recipients",
        rule="refused_recipients = 2",
        configuration="[limits]\nrefused_recipients = 2\n",
        play=EHLO
        + """\
C: MAIL FROM:<bob@example.test>
C: RCPT TO:<adam@example.test>
C: RCPT TO:<adele@example.test>
S: 250 2.1.0
S: 550 5.1.1
S: 550 5.1.1
S: 421 4.7.0
S: (closed)
""",
    ),
    Scenario(
        title="the server has as many sessions as it may",
        code=421,
        status="4.3.2",
        cause="session.too-many-connections",
        rule="connections = 1",
        configuration="[limits]\nconnections = 1\n",
        play="-- another client is connected\nS: 421 4.3.2\nS: (closed)\n",
    ),
    Scenario(
        title="the client has as many sessions as it may",
        code=421,
        status="4.3.2",
        cause="session.too-many-connections",
        rule="connections_per_client = 1",
        configuration="[limits]\nconnections_per_client = 1\n",
        play="-- another client is connected\nS: 421 4.3.2\nS: (closed)\n",
    ),
    Scenario(
        title="the client floods the server with an endless command",
        code=421,
        status="4.5.2",
        cause="session.flood",
        play=GREETED + "C! NOOP \nC~ 80000\nS: 500 5.5.2\nS: 421 4.5.2\nS: (closed)\n",
    ),
    Scenario(
        title="the size of a chunk can not be read",
        code=421,
        status="4.5.2",
        cause="command.syntax",
        play=ESMTP_MAIL + RECIPIENT + "C: BDAT many\nS: 501 5.5.4\nS: 421 4.5.2\nS: (closed)\n",
    ),
    Scenario(
        title="the mailbox is locked",
        code=450,
        status="4.2.1",
        cause="mailbox.locked",
        rule="[[user]]",
        play="-- a backup locks bob's mailbox\n" + MAIL + "C: RCPT TO:<bob@example.test>\nS: 450 4.2.1\n",
    ),
    Scenario(
        title="the message can not be written to the disk",
        code=451,
        status="4.3.0",
        cause="storage.fault",
        play=MAIL
        + RECIPIENT
        + DATA
        + "-- the spool directory is lost\nC: Subject: large\nC: \nC# 300000\nC: \nC: .\nS: 451 4.3.0\n",
    ),
    Scenario(
        title="the disk can not be looked at",
        code=451,
        status="4.3.0",
        cause="storage.fault",
        play=HELO + "-- the spool directory is lost\nC: MAIL FROM:<bob@example.test>\nS: 451 4.3.0\n",
    ),
    Scenario(
        title="the mailbox can not be looked up",
        code=451,
        status="4.3.0",
        cause="lookup.failed",
        rule="[[user]]",
        play="-- bob's mailbox can not be read\n" + MAIL + "C: RCPT TO:<bob@example.test>\nS: 451 4.3.0\n",
    ),
    Scenario(
        title="too many recipients in one transaction",
        code=452,
        status="4.5.3",
        cause="recipient.too-many",
        rule="recipients = 1",
        configuration="[limits]\nrecipients = 1\n",
        play=MAIL + RECIPIENT + "C: RCPT TO:<bob@example.test>\nS: 452 4.5.3\n",
    ),
    Scenario(
        title="there is no room on the disk",
        code=452,
        status="4.3.1",
        cause="storage.full",
        rule='minimum_free = "900 TiB"',
        configuration='[limits]\nminimum_free = "900 TiB"\n',
        play=HELO + "C: MAIL FROM:<bob@example.test>\nS: 452 4.3.1\n",
    ),
    Scenario(
        title="the queue can not be written to",
        code=458,
        status="4.3.0",
        cause="etrn.trouble",
        play=HELO
        + f"-- {WAITING}\n-- nothing can be written to the disk any more\n"
        + "C: ETRN elsewhere.test\nS: 458 4.3.0\n",
    ),
    Scenario(
        title="ETRN for a node that is not on the list",
        code=459,
        status="4.7.0",
        cause="etrn.refused",
        rule='domains = ["elsewhere.test"]',
        configuration='[etrn]\ndomains = ["elsewhere.test"]\n',
        play=HELO + "C: ETRN other.test\nS: 459 4.7.0\n",
    ),
)
