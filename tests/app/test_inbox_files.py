"""Export and import by the API, and `--load`: mail goes out in files and comes back."""

import asyncio
import io
import mailbox
import zipfile
from pathlib import Path

import pytest

from heloise.app.dev.inbox_files import NotLoaded, load
from heloise.app.dev.server import Catching, CatchOptions, catching
from heloise.app.journal import Journal
from heloise.inbox.archive import mbox_entry
from heloise.inbox.inbox import Inbox
from heloise.net import real_world
from heloise.reception.door import nobody_watches
from heloise.world import Endpoint
from tests.app.test_mailpit import Asked, serve
from tests.inbox.letters import letter

PLACE = "/api/heloise/v1"


def test_an_export_is_an_mbox_or_a_zip_of_what_fits(tmp_path: Path) -> None:
    async def act(running: Catching, ask: Asked) -> None:
        for number in range(20):
            running.inbox.add(letter(f"user{number % 2}@x.test", header=f"Subject: number {number}"))
        status, headers, octets = await ask("GET", f"{PLACE}/export?query=subject:number&mailbox=user1@x.test")
        assert (status, headers["Content-Type"]) == (200, "application/mbox")
        assert headers["Content-Disposition"] == 'attachment; filename="inbox.mbox"'
        await asyncio.to_thread((tmp_path / "mbox").write_bytes, octets)
        found = await asyncio.to_thread(lambda: [each["Subject"] for each in mailbox.mbox(tmp_path / "mbox")])
        assert found == [f"number {number}" for number in range(1, 20, 2)]
        _, headers, octets = await ask("GET", f"{PLACE}/export?format=zip&query=to:user0")
        with zipfile.ZipFile(io.BytesIO(octets)) as packed:
            assert len(packed.namelist()) == 11
        assert (await ask("GET", f"{PLACE}/export?format=pst"))[0] == 400
        assert (await ask("GET", f"{PLACE}/export?query=before:x"))[0] == 400

    serve(act)


def test_what_was_exported_can_be_imported() -> None:
    async def act(running: Catching, ask: Asked) -> None:
        inbox = running.inbox
        kept = [letter("alice@x.test", header=f"Subject: number {number}") for number in range(3)]
        for each in kept:
            inbox.add(each)
        for kind, headers in (("mbox", "application/mbox"), ("zip", "application/zip")):
            octets = (await ask("GET", f"{PLACE}/export?format={kind}"))[2]
            inbox.clear()
            assert (await ask("POST", f"{PLACE}/import", octets, **{"Content-Type": headers}))[0] == 200
            assert [each.octets for each in inbox.messages] == [each.octets for each in kept]
        inbox.clear()
        source = b"Subject: one\nTo: bob@x.test\n\nhi\n"
        assert (await ask("POST", f"{PLACE}/import", source, **{"Content-Type": "message/rfc822"}))[0] == 200
        (message,) = inbox.messages
        assert (message.recipients, message.octets) == (("bob@x.test",), source.replace(b"\n", b"\r\n"))
        assert (await ask("POST", f"{PLACE}/import", b" ", **{"Content-Type": "message/rfc822"}))[0] == 400
        assert (await ask("POST", f"{PLACE}/import", b"PK\x03\x04", **{"Content-Type": "application/zip"}))[0] == 400

    serve(act)


def loaded(path: Path) -> Inbox:
    async def scenario() -> Inbox:
        world = real_world()
        inbox = Inbox()
        try:
            await load(str(path), inbox, world)
        finally:
            await world.blocking.close()
        return inbox

    return asyncio.run(scenario())


def test_files_are_loaded_at_the_start(tmp_path: Path) -> None:
    letters = [letter(body="x" * 10_000) for _ in range(100)]
    (tmp_path / "mbox").write_bytes(b"".join(map(mbox_entry, letters)))
    (tmp_path / "one.eml").write_bytes(letters[0].octets)

    async def scenario() -> None:
        world = real_world()
        files = (str(tmp_path / "mbox"), str(tmp_path / "one.eml"))
        options = CatchOptions(endpoint=Endpoint("127.0.0.1", 0), load=files)
        async with catching(world, options, Journal(lambda *_: None), nobody_watches) as running:
            assert [each.octets for each in running.inbox.messages] == [each.octets for each in (*letters, letters[0])]
        await world.blocking.close()

    asyncio.run(scenario())


def test_a_file_that_can_not_be_loaded_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04nothing")
    for name in ("none", "empty", "broken.zip"):
        with pytest.raises(NotLoaded, match=name):
            loaded(tmp_path / name)
