"""A sample for whoever sees an empty page: a letter that this server refuses once by a fault rule, and then takes.

Nothing in it is staged: a real client speaks to the real port, is told 451, waits as a mail server would, only not so
long, and comes again.
"""

import asyncio
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from heloise.app.dev.server import Catching
from heloise.faults.book import FaultBook
from heloise.faults.rule import FaultReply, FaultRule
from heloise.link.errors import SmtpRefusal
from heloise.link.send import send
from heloise.mail.envelope import Envelope
from heloise.mail.status import EnhancedStatus
from heloise.mail.trace import mail_date
from heloise.smtp.registry import discover
from heloise.smtp.transaction import ClientOptions
from heloise.world import Endpoint, World

RETRY = 1.0  # seconds; a mail server waits minutes
_SENDER = "bounces@shop.example"
_RULE = "the sample: "
_NOT_NOW = FaultReply(code=451, status=EnhancedStatus.parse("4.3.2"), text="Not now; try again in a moment")
_TEXT = """Hello,

this is a sample that heloise has sent to itself. It was refused at first: the session before this one
says 451 to RCPT, because of a fault rule. A client that is written well keeps the mail and tries again, and here it is.

Click the orange reply to see why it was given. Your own programs can be tried in the same way: "Make it fail".
"""
_HTML = """<!doctype html><html><head><style>
body { margin: 0; background: #f4f2ee; font: 16px/1.6 Georgia, serif; color: #2a2723 }
.card { width: 100%; max-width: 520px; background: #fff; border-radius: 12px }
.card td { padding: 32px 36px }
h1 { font-size: 24px; line-height: 1.25; margin: 16px 0 0 }
.go { background: #4253c5; color: #fff; text-decoration: none; padding: 10px 18px; border-radius: 8px }
</style></head><body>
<table role="presentation" width="100%" cellspacing="0" cellpadding="0"><tr><td align="center" style="padding:24px">
<table role="presentation" class="card" cellspacing="0" cellpadding="0"><tr><td>
<img src="cid:mark@heloise" width="40" height="40" alt="heloise">
<h1>It was refused, and came all the same</h1>
<p>This is a sample that heloise has sent to itself. The session before this one was told <b>451</b> to
<code>RCPT</code>, because of a fault rule. A client that is written well keeps the mail and tries again.</p>
<p>Click the orange reply to see why it was given. Your own programs can be tried in the same way.</p>
<p style="margin-top:28px"><a class="go" href="https://www.rfc-editor.org/rfc/rfc5321#section-4.5.4.1">What
RFC 5321 says of retries</a></p>
</td></tr></table></td></tr></table></body></html>
"""
_MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="6" fill="#4253c5"/>'
    '<path d="M7 6v12M17 6v12" stroke="#fff" stroke-width="2.4"/><path d="M7 11l5 4 5-4" fill="none" stroke="#ffd27a" '
    'stroke-width="2.2"/></svg>'
)


async def send_sample(world: World, running: Catching) -> dict[str, Any]:
    """Send it, be refused, send it again. What was said each time."""
    recipient = f"you+{running.sessions.news.begun}@example.test"  # another one each time: it was never tried before
    _expect(running.faults, recipient)
    said = [await _try(world, running, recipient)]
    if said[0]["code"] >= 400:
        await asyncio.sleep(RETRY)
        said.append(await _try(world, running, recipient))
    return {"recipient": recipient, "replies": said}


def _expect(book: FaultBook, recipient: str) -> None:
    rule = FaultRule(reply=_NOT_NOW, to=recipient, times=1, name=f"{_RULE}{_NOT_NOW.code} once, then accept")
    # Before all others, which are for other mail; and it takes the place of the last sample's.
    others = [each for each in book.rules if not each.name.startswith(_RULE)]
    book.use([book.placed(rule), *others])


async def _try(world: World, running: Catching, recipient: str) -> dict[str, Any]:
    envelope = Envelope.parse(f"<{_SENDER}>\r\n<{recipient}>\r\n".encode())
    host = "::1" if ":" in running.endpoint.host else "127.0.0.1"
    here = running.endpoint if running.endpoint.host not in ("0.0.0.0", "::") else Endpoint(host, running.endpoint.port)
    options = ClientOptions(hello_name="sample.example", lmtp=running.lmtp)
    try:
        answers = await send(world, here, envelope, _letter(world, recipient), options=options, registry=discover())
    except SmtpRefusal as refusal:
        return {"code": refusal.reply.code, "text": str(refusal.reply)}
    return {"code": answers[0].reply.code, "text": str(answers[0].reply)}


def _letter(world: World, recipient: str) -> bytes:
    letter = EmailMessage(policy=SMTP)
    letter["Date"] = mail_date(world.clock.now())
    letter["From"] = "The Shop <hello@shop.example>"
    letter["To"] = f"You <{recipient}>"
    letter["Cc"] = "accounts@shop.example"
    letter["Subject"] = "A sample: refused once, then accepted"
    letter["Message-ID"] = f"<{world.entropy.octets(8).hex()}@shop.example>"
    letter.set_content(_TEXT)
    letter.add_alternative(_HTML, subtype="html")
    parts = letter.get_payload()
    assert isinstance(parts, list)
    html = parts[1]
    assert isinstance(html, EmailMessage)
    html.add_related(_MARK.encode(), "image", "svg+xml", cid="<mark@heloise>")
    letter.add_attachment(b"item,price\r\nattention,0.00\r\n", maintype="text", subtype="csv", filename="receipt.csv")
    return letter.as_bytes()
