"""What happens on the stage besides talk: `-- words` in a play means the function of these words here."""

import asyncio
import os
import resource

from tests.staging import Act, Stage


async def nothing(stage: Stage) -> None:
    """What the server does by itself is waited for by the line that follows."""


async def stop(stage: Stage) -> None:
    await stage.stop_server()


async def another_client(stage: Stage) -> None:
    client = await stage.connect("127.0.0.1")
    await client.reply()


async def lock_mailbox(stage: Stage) -> None:
    directory = f"{stage.state}/mail/bob/Maildir"
    stage.world.files.make_directory(directory)
    stage.world.files.create(f"{directory}/.locked").close()


async def spoil_mailbox(stage: Stage) -> None:
    """A file where the directory should be: not even root can read that as a Maildir."""
    directory = f"{stage.state}/mail/bob"
    stage.world.files.make_directory(directory)
    stage.world.files.create(f"{directory}/Maildir").close()


async def fill_mailbox(stage: Stage) -> None:
    directory = f"{stage.state}/mail/zoe/Maildir/new"
    stage.world.files.make_directory(directory)
    letter = stage.world.files.create(f"{directory}/1.old.letter")
    letter.write(b"x" * 2000)
    letter.close()


async def lose_spool(stage: Stage) -> None:
    os.rename(f"{stage.state}/queue/spool", f"{stage.state}/queue/elsewhere")


async def freeze_disk(stage: Stage) -> None:
    """No file of this process may grow any more, until the play is over."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    stage.at_end.append(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard)))


async def send_to(stage: Stage, *recipients: str) -> None:
    client = await stage.connect("127.0.0.1")
    await client.reply()
    commands = (f"RCPT TO:<{recipient}@elsewhere.test>" for recipient in recipients)
    await client.talk("HELO other.test", "MAIL FROM:<bob@example.test>", *commands, "DATA")
    client.say(b"Subject: later\r\n\r\n")
    await client.talk(".", "QUIT")


async def message_waits(stage: Stage, *recipients: str) -> None:
    await send_to(stage, *recipients or ("eve",))
    await stage.until_logged("delivery.attempted")
    while stage.server.deliverer.running:  # noqa: ASYNC110 - what was attempted is being settled, which tells nobody
        await asyncio.sleep(0)


async def next_attempt(stage: Stage) -> None:
    seen = sum(event == "delivery.attempted" for event, _ in stage.logged)
    await stage.until_logged("delivery.attempted", max(seen, 2))


async def report_comes(stage: Stage) -> None:
    """The sender's mailbox has the report about the recipient who was refused."""
    await stage.until_logged("delivery.attempted", 2)
    directory = f"{stage.state}/mail/bob/Maildir/new"
    (name,) = stage.world.files.names(directory)
    letter = stage.world.files.open(f"{directory}/{name}")
    assert b"multipart/report" in letter.read(1 << 16)
    letter.close()


async def client_hangs_up(stage: Stage) -> None:
    stage.hang_up()
    await stage.until_logged("delivery.attempted")


async def message_is_under_way(stage: Stage) -> None:
    await send_to(stage, "eve")
    assert stage.peer is not None
    while not stage.peer.commands:  # noqa: ASYNC110 - the script of the peer tells nobody how far it is; time is virtual
        await asyncio.sleep(0.1)


async def site_mail_waits(stage: Stage) -> None:
    client = await stage.connect("127.0.0.1")
    await client.reply()
    await client.talk("HELO other.test", "MAIL FROM:<bob@example.test>", "RCPT TO:<alice@site.test>", "DATA")
    client.say(b"Subject: later\r\n\r\nText\r\n")
    await client.talk(".", "QUIT")


async def site_hears_the_message(stage: Stage) -> None:
    client = stage.first_client
    while await client.line() != ".":
        pass


async def delivered(stage: Stage) -> None:
    await stage.until_logged("delivery.attempted")


ACTS: dict[str, Act] = {
    "a message for alice@site.test waits until the site comes for it": site_mail_waits,
    "the site hears the rest of the message": site_hears_the_message,
    "time passes": nothing,
    "the operator stops the server": stop,
    "another client is connected": another_client,
    "a backup locks bob's mailbox": lock_mailbox,
    "bob's mailbox can not be read": spoil_mailbox,
    "zoe's mailbox gets full": fill_mailbox,
    "the spool directory is lost": lose_spool,
    "nothing can be written to the disk any more": freeze_disk,
    "a message for elsewhere.test waits, since its server did not answer": message_waits,
    "a message for two people at elsewhere.test waits": lambda stage: message_waits(stage, "eve", "eric"),
    "delivery to elsewhere.test is tried again": next_attempt,
    "the client hangs up, and the message is delivered": client_hangs_up,
    "the message is delivered": delivered,
    "bob gets a report": report_comes,
    "a message for elsewhere.test is being delivered, slowly": message_is_under_way,
}
