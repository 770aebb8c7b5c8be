"""Published client libraries for the APIs of Mailpit and MailHog, unchanged, against `heloise dev`."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

import heloise
from heloise.app.dev.api import serving_api
from heloise.app.dev.server import Catching, CatchOptions, catching
from heloise.app.journal import Journal
from heloise.net import real_world
from heloise.reception.door import nobody_watches
from heloise.world import Endpoint
from tests.peers.require import require

pytestmark = pytest.mark.interop

Ask = Callable[[str], Awaitable[Any]]
_TIMEOUT = 60


def serve(program: Callable[[Endpoint, str], Any], act: Callable[[Catching, Ask], Awaitable[None]]) -> None:
    """Run `act` beside a server; what it asks is the source of a program, which `program` runs."""

    async def scenario() -> None:
        world = real_world()
        options = CatchOptions(endpoint=Endpoint("127.0.0.1", 0))
        async with (
            catching(world, options, Journal(lambda *_: None), nobody_watches) as running,
            serving_api(world, running, Endpoint("127.0.0.1", 0), "1.0") as api,
        ):

            async def ask(source: str) -> Any:
                return await asyncio.to_thread(program, api, source)

            await act(running, ask)
        await world.blocking.close()

    asyncio.run(scenario())


async def send(running: Catching, letter: EmailMessage, *recipients: str, sender: str = "shop@example.test") -> None:
    octets = letter.as_bytes().replace(b"\n", b"\r\n")
    await heloise.send(octets, sender=sender, recipients=list(recipients), port=running.endpoint.port)


def letter(subject: str, *, to: str = "Alice <alice@example.test>", text: str = "It works.\n") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "The Shop <shop@example.test>", to, subject
    message["Date"] = "Sat, 28 Nov 2026 10:00:00 +0000"
    message["Message-ID"] = f"<{'.'.join(re.findall('[a-z0-9]+', subject))}@example.test>"
    message.set_content(text)
    return message


def rich_letter(subject: str) -> EmailMessage:
    """With HTML that shows a picture, and an attachment."""
    message = letter(subject)
    message["Cc"] = "Bob <bob@example.test>"
    message["X-Tags"] = "Shop, order"
    message.add_alternative('<p>It <b>works</b>.</p><img src="cid:logo@x">', subtype="html")
    html = message.get_payload(1)
    assert isinstance(html, EmailMessage)
    html.add_related(b"\x89PNG", maintype="image", subtype="png", cid="<logo@x>")
    message.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="table.csv")
    return message


def output(command: list[str], source: str, cwd: Path | None = None) -> Any:
    done = subprocess.run([*command, source], capture_output=True, timeout=_TIMEOUT, cwd=cwd)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout or b"null")


def node(api: Endpoint, source: str) -> Any:
    """Run a body of an asynchronous function; what it returns. It knows the libraries by their names."""
    modules = require("inboxes-node")
    program = shutil.which("node")
    assert program is not None, "node is not on this machine"
    whole = f"""
        const {{ MailpitClient }} = require("mailpit-api"), mailhog = require("mailhog"),
            {{ MailhogClient }} = require("mailhog-awesome");
        const host = "{api.host}", port = {api.port}, url = `http://${{host}}:${{port}}`;
        (async () => {{ {source} }})().then(
            (told) => console.log(JSON.stringify(told ?? null)),
            (error) => {{ console.error(error); process.exit(1); }});
    """
    return output([program, "-e"], whole, cwd=modules.parent)


def python(api: Endpoint, source: str) -> Any:
    """Run lines that leave what they found in `told`."""
    lines = ["import json", f"host, port = {api.host!r}, {api.port}", "url = f'http://{host}:{port}'", "told = None"]
    whole = "\n".join((*lines, source, "print(json.dumps(told))"))
    return output([str(require("inboxes")), "-c"], whole)


def test_mailpit_api_for_node_reads_searches_and_waits() -> None:
    async def act(running: Catching, ask: Ask) -> None:
        await send(running, letter("plain"), "alice@example.test", "hidden@example.test")
        await send(running, rich_letter("order 42"), "alice@example.test", "bob@example.test")
        told = await ask("""
            const mailpit = new MailpitClient(url);
            const list = await mailpit.listMessages(), id = list.messages[0].ID;
            const message = await mailpit.getMessageSummary();
            const part = await mailpit.getMessageAttachment(id, message.Attachments[0].PartID);
            const picture = await mailpit.getAttachmentThumbnail(id, message.Inline[0].PartID);
            return {
                list, message, id,
                info: await mailpit.getInfo(), configuration: await mailpit.getConfiguration(),
                headers: await mailpit.getMessageHeaders(id), source: await mailpit.getMessageSource(id),
                part: await part.text(), type: part.type, picture: picture.type,
                html: await mailpit.renderMessageHTML(id), text: await mailpit.renderMessageText(),
                found: await mailpit.searchMessages({ query: 'subject:"order 42" has:attachment', tz: "Asia/Tokyo" }),
                waited: await mailpit.waitForMessage({ query: "from:shop@example.test subject:plain" }),
                checked: await mailpit.htmlCheck(id), links: await mailpit.linkCheck(id),
                counted: await mailpit.waitForMessages({ query: "is:read", count: 2 }),
            };
        """)
        listed, message = told["list"], told["message"]
        assert (listed["total"], listed["unread"], listed["messages_count"]) == (2, 2, 2)
        assert [each["Subject"] for each in listed["messages"]] == ["order 42", "plain"]
        assert listed["messages"][1]["Bcc"] == [{"Name": "", "Address": "hidden@example.test"}]
        assert listed["messages"][0] | {"ID": 0, "Created": 0, "Size": 0} == {
            "ID": 0,
            "MessageID": "order.42@example.test",
            "Read": False,
            "From": {"Name": "The Shop", "Address": "shop@example.test"},
            "To": [{"Name": "Alice", "Address": "alice@example.test"}],
            "Cc": [{"Name": "Bob", "Address": "bob@example.test"}],
            "Bcc": [],
            "ReplyTo": [],
            "Subject": "order 42",
            "Created": 0,
            "Username": "",
            "Tags": ["Shop", "order"],
            "Size": 0,
            "Attachments": 1,
            "Snippet": "It works.",
        }
        assert (message["Text"].strip(), message["Date"]) == ("It works.", "2026-11-28T10:00:00.000Z")
        assert [each["FileName"] for each in message["Attachments"]] == ["table.csv"]
        assert [each["ContentID"] for each in message["Inline"]] == ["logo@x"]
        assert (told["part"], told["type"], told["picture"]) == ("a,b\n1,2\n", "text/csv", "image/png")
        assert f'<img src="/api/v1/message/{told["id"]}/part/' in told["html"]
        assert told["text"].strip() == "It works."
        assert told["headers"]["Subject"] == ["order 42"]
        assert "Message-Id" in told["headers"]
        assert "Subject: order 42\r\n" in told["source"]
        assert (told["info"]["Messages"], told["info"]["Unread"], told["info"]["Tags"]) == (
            2,
            1,
            {"order": 1, "Shop": 1},
        )
        assert told["configuration"]["MessageRelay"]["Enabled"] is False
        assert told["found"]["messages_count"] == 1
        assert told["waited"]["Subject"] == "plain"
        assert told["counted"]["messages_count"] == 2
        assert told["links"] == {"Errors": 0, "Links": []}
        assert told["checked"]["Total"]["Nodes"] == 3
        assert 0 < told["checked"]["Total"]["Supported"] <= 100

    serve(node, act)


def test_mailpit_api_for_node_changes_and_removes() -> None:
    async def act(running: Catching, ask: Ask) -> None:
        for number in range(5):
            await send(running, letter(f"number {number}"), "alice@example.test")
        told = await ask("""
            const mailpit = new MailpitClient(url);
            const ids = (await mailpit.listMessages()).messages.map((each) => each.ID);
            const unread = async () => (await mailpit.listMessages(0, 1)).unread;
            const marked = await mailpit.setReadStatus({ IDs: ids.slice(0, 2), Read: true });
            const told = { marked: [marked, await unread()] };
            await mailpit.setReadStatus({ Search: 'subject:"number 0"', Read: true });
            told.marked.push(await unread());
            await mailpit.setReadStatus();
            told.marked.push(await unread());
            await mailpit.setTags({ IDs: ids.slice(0, 2), Tags: ["one", "two"] });
            await mailpit.renameTag("one", "first one");
            await mailpit.deleteTag("two");
            told.tags = await mailpit.getTags();
            told.tagged = (await mailpit.searchMessages({ query: 'tag:"first one"' })).messages_count;
            told.sent = await mailpit.sendMessage({
                From: { Email: "me@example.test", Name: "Me, Myself" },
                To: [{ Email: "you@example.test", Name: "Jürgen" }], Bcc: ["blind@example.test"],
                Subject: "Größe", Text: "Hallo", HTML: "<p>Hallo</p>", Tags: ["sent"], Headers: { "X-Env": "test" },
                Attachments: [{ Filename: "a.txt", Content: Buffer.from("hi").toString("base64") }],
            });
            told.message = await mailpit.getMessageSummary(told.sent.ID);
            told.wrong = await mailpit.sendMessage({ From: { Email: "me@x.test" }, To: [{ Email: "nobody" }] })
                .catch((error) => error.message);
            told.released = await mailpit.releaseMessage(ids[0], { To: ["a@b.test"] }).catch((error) => error.message);
            told.chaos = [await mailpit.getChaosTriggers(),
                await mailpit.setChaosTriggers({ Recipient: { ErrorCode: 452, Probability: 100 } })];
            await mailpit.deleteMessages({ IDs: [ids[0]] });
            told.left = [(await mailpit.listMessages()).total];
            await mailpit.deleteMessagesBySearch({ query: "subject:number" });
            told.left.push((await mailpit.listMessages()).total);
            told.done = await mailpit.deleteMessages();
            told.left.push((await mailpit.listMessages()).total);
            told.missing = await mailpit.getMessageSummary("none").catch((error) => error.message);
            return told;
        """)
        assert told["marked"] == ["ok", 3, 2, 5]
        assert (told["tags"], told["tagged"]) == (["first one"], 2)
        message = told["message"]
        assert (message["Subject"], message["Text"].strip(), message["HTML"].strip()) == (
            "Größe",
            "Hallo",
            "<p>Hallo</p>",
        )
        assert message["From"] == {"Name": "Me, Myself", "Address": "me@example.test"}
        assert message["To"] == [{"Name": "Jürgen", "Address": "you@example.test"}]
        assert message["Bcc"] == [{"Name": "", "Address": "blind@example.test"}]
        assert (message["Tags"], message["Attachments"][0]["Size"]) == (["sent"], 2)
        assert "invalid To address: nobody" in told["wrong"]
        assert "--relay" in told["released"]
        nothing = {"ErrorCode": 451, "Probability": 0}
        assert told["chaos"][0]["Sender"] == nothing
        assert told["chaos"][1]["Recipient"] == {"ErrorCode": 452, "Probability": 100}
        with pytest.raises(heloise.SmtpRefusal, match="452"):
            await send(running, letter("refused"), "alice@example.test")
        assert (told["left"], told["done"]) == ([5, 1, 0], "ok")
        assert "404" in told["missing"]

    serve(node, act)


def test_mailpit_api_client_for_python() -> None:
    async def act(running: Catching, ask: Ask) -> None:
        message = rich_letter("order 42")
        message["Delivered-To"] = "alice@example.test"  # its model of a header insists
        await send(running, message, "alice@example.test", "bob@example.test")
        await send(running, letter("plain"), "alice@example.test")
        told = await ask("""
from mailpit.client.api import API
api = API(url)
listed = api.get_messages(limit=10)
order = [each for each in listed.messages if each.subject == "order 42"][0]
whole = api.get_message(order.id)
told = {
    "total": listed.total, "subjects": [each.subject for each in listed.messages], "to": order.to[0].address,
    "created": order.created.year, "text": whole.text, "cc": whole.cc[0].name,
    "attachment": api.get_message_attachment(order.id, whole.attachments[0].part_id),
    "header": api.get_message_headers(order.id).message_id,
}
api.put_messages([order.id], "Read", False)
told["unread"] = api.get_messages().unread
api.delete_messages([order.id])
told["left"] = [each.subject for each in api.get_messages().messages]
api.delete_messages([])
told["at last"] = api.get_messages().total
""")
        assert (told["total"], told["subjects"]) == (2, ["plain", "order 42"])
        assert (told["to"], told["cc"], told["text"].strip()) == ("alice@example.test", "Bob", "It works.")
        assert told["attachment"] == "a,b\n1,2\n"
        assert told["header"] == ["<order.42@example.test>"]
        assert (told["unread"], told["left"], told["at last"]) == (2, ["plain"], 0)

    serve(python, act)


def test_a_websocket_of_node_is_told_what_mailpit_tells() -> None:
    """The events that Mailpit's page and its clients wait for, by the `ws` that those are built on."""

    async def act(running: Catching, ask: Ask) -> None:
        told = await ask("""
            const WebSocket = require("ws"), client = new MailpitClient(url), told = [];
            const socket = new WebSocket(`ws://${host}:${port}/api/events`);
            const told_of = (kind) => new Promise((found) => socket.on("message", (data) => {
                const event = JSON.parse(data);
                if (event.Type === kind) found(event.Data);
            }));
            const first = told_of("stats");
            await new Promise((opened, failed) => { socket.on("open", opened); socket.on("error", failed); });
            told.push(await first);
            const came = told_of("new"), counted = told_of("stats");
            const sent = await client.sendMessage({
                From: { Email: "shop@example.test", Name: "The Shop" },
                To: [{ Email: "alice@example.test" }],
                Subject: "by websocket \u00fc",
                Text: "It works.",
            });
            const message = await came;
            told.push([message.ID === sent.ID, message.Subject, message.To[0].Address, message.Read], await counted);
            const changed = told_of("update");
            await client.setTags({ IDs: [sent.ID], Tags: ["seen"] });
            told.push((({ ID, Tags }) => [ID === sent.ID, Tags])(await changed));
            const gone = told_of("delete");
            await client.deleteMessages({ IDs: [sent.ID] });
            told.push((await gone).ID === sent.ID);
            const emptied = told_of("truncate");
            await client.deleteMessages();
            told.push(await emptied);
            const answered = new Promise((pong) => socket.on("pong", () => pong("pong")));
            socket.ping();
            told.push(await answered);
            const closed = new Promise((over) => socket.on("close", (code) => over(code)));
            socket.close(1000);
            told.push(await closed);
            return told;
        """)
        version = told[0]["Version"]
        assert told == [
            {"Total": 0, "Unread": 0, "Version": version},
            [True, "by websocket ü", "alice@example.test", False],
            {"Total": 1, "Unread": 1, "Version": version},
            [True, ["seen"]],
            True,
            None,
            "pong",
            1000,
        ]

    serve(node, act)


def test_mailhog_for_node() -> None:
    async def act(running: Catching, ask: Ask) -> None:
        await send(running, letter("Größe", text="Schöne Grüße\n"), "alice@example.test", "hidden@example.test")
        await send(running, rich_letter("order 42"), "bob@example.test", sender="other@example.test")
        both = letter("both")
        both.add_alternative("<p>It <b>works</b>.</p>", subtype="html")
        await send(running, both, "carol@example.test")
        told = await ask("""
            const api = mailhog({ host, port }), list = await api.messages(0, 10), [both, order, first] = list.items;
            const told = {
                total: list.total, count: list.count, subjects: list.items.map((each) => each.subject),
                text: first.text, html: both.html, from: first.from, to: first.to, cc: order.cc,
                date: first.date, attachments: order.attachments.map((each) => [each.name, each.Body]),
                paths: first.To.map((each) => `${each.Mailbox}@${each.Domain}`),
                latestTo: (await api.latestTo("hidden@example.test")).subject,
                latestFrom: (await api.latestFrom("other@example.test")).subject,
                containing: (await api.latestContaining("schöne grüße")).subject,
                nothing: await api.search("nothing of the kind"),
            };
            told.release = (await api.releaseMessage(order.ID, { host: "evil.test", port: "25", email: "a@b.test" })
                .catch((error) => error.name)) ?? null;
            told.deleted = (await api.deleteMessage(order.ID)).statusCode;
            told.left = (await api.messages()).total;
            told.all = (await api.deleteAll()).statusCode;
            told.none = (await api.messages()).total;
            return told;
        """)
        assert (told["total"], told["count"], told["subjects"]) == (3, 3, ["both", "order 42", "Größe"])
        assert told["text"].strip() == "Schöne Grüße"
        assert "It <b>works</b>" in told["html"]
        assert (told["from"], told["to"]) == ("The Shop <shop@example.test>", "Alice <alice@example.test>")
        assert (told["cc"], told["date"]) == ("Bob <bob@example.test>", "2026-11-28T10:00:00.000Z")
        assert told["attachments"][0][0] == "table.csv"
        assert told["paths"] == ["alice@example.test", "hidden@example.test"]
        assert (told["latestTo"], told["latestFrom"], told["containing"]) == ("Größe", "order 42", "Größe")
        assert told["nothing"] == {"total": 0, "count": 0, "start": 0, "items": []}
        assert (told["deleted"], told["left"], told["all"], told["none"]) == (200, 2, 200, 0)

    serve(node, act)


def test_mailhog_awesome_for_node() -> None:
    async def act(running: Catching, ask: Ask) -> None:
        await send(running, letter("one", to="alice@example.test"), "alice@example.test")
        await send(running, letter("two https://shop.example.test/go", to="bob@example.test"), "bob@example.test")
        told = await ask("""
            const client = new MailhogClient({ host, port });
            return {
                inbox: (await client.getInbox("alice@example.test")).map((each) => each.subject),
                last: (await client.getLastEmail()).subject,
                later: (await client.getLastEmail({ subject: "one" })).subject,
                cleared: await client.clearInbox("alice@example.test"),
                left: (await client.getAllEmails()).length,
                all: await client.deleteAllEmails(),
            };
        """)
        assert told == {
            "inbox": ["one"],
            "last": "two https://shop.example.test/go",
            "later": "one",
            "cleared": True,
            "left": 1,
            "all": True,
        }
        assert running.inbox.messages == ()

    serve(node, act)


def test_mailhog_for_python() -> None:
    async def act(running: Catching, ask: Ask) -> None:
        await send(running, letter("one"), "alice@example.test")
        await send(running, rich_letter("two"), "alice@example.test", "bob@example.test")
        told = await ask("""
from mailhog import Mailhog
client = Mailhog(host, port)
listed = client.messages()
told = {
    "total": listed.total, "subjects": [each.get_subject() for each in listed.items],
    "sender": listed.items[0].get_sender(), "recipients": listed.items[0].get_recipients(),
    "parts": len(listed.items[0].mime.parts),
    "found": client.search("bob@example.test", kind="to").count,
}
client.delete(listed.items[0])
told["left"] = [each.get_subject() for each in client.messages().items]
client.delete_all()
told["none"] = client.messages().total
""")
        assert told == {
            "total": 2,
            "subjects": ["two", "one"],
            "sender": "shop@example.test",
            "recipients": ["alice@example.test", "bob@example.test"],
            "parts": 2,
            "found": 1,
            "left": ["one"],
            "none": 0,
        }

    serve(python, act)
