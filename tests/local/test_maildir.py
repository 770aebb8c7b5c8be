"""Putting letters into Maildirs: on the real disk, and on one that forgets what was not synced."""

import asyncio
import mailbox
import os
from pathlib import Path

import pytest

from heloise.local.final import without_return_path
from heloise.local.maildir import MaildirLetter, put
from heloise.mail.content import MemoryContent
from heloise.mail.path import NULL_REVERSE_PATH, ForwardPath, ReversePath
from heloise.net import real_world
from heloise.testing import DiskFaults, SimulatedWorld, Unsynced, run_simulated

CONTENT = b"Received: from x\r\nSubject: hi\r\n\r\n.dot\r\nbye\r\n"


def letter(maildir: str, content: bytes = CONTENT, *, name: str = "1.M1R1", line_feeds: bool = True) -> MaildirLetter:
    return MaildirLetter(
        maildir=maildir,
        name=name,
        attempt="a",
        reverse_path=ReversePath.parse(b"<a@client.test>"),
        forward_path=ForwardPath.parse(b"<alice+tag@example.test>"),
        content=MemoryContent(content),
        line_feeds=line_feeds,
    )


def put_on_disk(subject: MaildirLetter) -> int:
    async def scenario() -> int:
        world = real_world()
        try:
            return await put(subject, world.files, world.blocking)
        finally:
            await world.blocking.close()

    return asyncio.run(scenario())


def only(maildir: Path) -> bytes:
    """The octets of the one letter in new."""
    (name,) = os.listdir(maildir / "new")
    return (maildir / "new" / name).read_bytes()


def test_a_letter_lies_in_new_whole_and_nothing_is_left_in_tmp(tmp_path: Path) -> None:
    maildir = tmp_path / "alice" / "Maildir"
    written = put_on_disk(letter(str(maildir)))
    assert os.listdir(maildir / "new") == [f"1.M1R1,S={written}"]
    assert os.listdir(maildir / "tmp") == []
    octets = only(maildir)
    assert octets == (
        b"Return-Path: <a@client.test>\nDelivered-To: alice+tag@example.test\n"
        b"Received: from x\nSubject: hi\n\n.dot\nbye\n"
    )
    assert written == len(octets)


def test_the_standard_library_reads_what_was_put(tmp_path: Path) -> None:
    put_on_disk(letter(str(tmp_path / "m")))
    (message,) = list(mailbox.Maildir(str(tmp_path / "m"), create=False))
    assert message["Subject"] == "hi"
    assert message["Return-Path"] == "<a@client.test>"


def test_a_delivery_made_again_replaces_the_letter(tmp_path: Path) -> None:
    put_on_disk(letter(str(tmp_path / "m")))
    put_on_disk(letter(str(tmp_path / "m")))
    put_on_disk(letter(str(tmp_path / "m"), name="1.M1R2"))
    assert [name.partition(",")[0] for name in sorted(os.listdir(tmp_path / "m" / "new"))] == ["1.M1R1", "1.M1R2"]


def test_the_mailbox_of_nobody_has_an_empty_return_path(tmp_path: Path) -> None:
    subject = MaildirLetter(
        maildir=str(tmp_path / "m"),
        name="x",
        attempt="a",
        reverse_path=NULL_REVERSE_PATH,
        forward_path=ForwardPath.parse(b"<Postmaster>"),
        content=MemoryContent(CONTENT),
    )
    put_on_disk(subject)
    octets = only(tmp_path / "m")
    assert octets.startswith(b"Return-Path: <>\r\nDelivered-To: Postmaster\r\n")


def test_a_large_letter_is_put_piece_by_piece_with_every_line_end_turned(tmp_path: Path) -> None:
    body = b"".join(b"%07d\r\n" % number for number in range(400_000))
    put_on_disk(letter(str(tmp_path / "m"), b"Subject: big\r\n\r\n" + body))
    octets = only(tmp_path / "m")
    assert b"\r" not in octets
    assert octets.endswith(body.replace(b"\r\n", b"\n"))


def test_without_line_feeds_every_octet_is_kept(tmp_path: Path) -> None:
    put_on_disk(letter(str(tmp_path / "m"), b"Subject: b\r\n\r\n\0\r\n\n\r", line_feeds=False))
    octets = only(tmp_path / "m")
    assert octets.endswith(b"Subject: b\r\n\r\n\0\r\n\n\r")


def test_a_maildir_that_may_not_be_written_raises(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        put_on_disk(letter(str(tmp_path / "file" / "m")))


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b"Return-Path: <x>\r\nA: b\r\n\r\nreturn-path: y\r\n", b"A: b\r\n\r\nreturn-path: y\r\n"),
        (b"A: b\r\nreturn-PATH:\r\n <x>\r\n\t(y)\r\nC: d\r\n\r\n", b"A: b\r\nC: d\r\n\r\n"),
        (b"X-Return-Path: <x>\r\n\r\n", b"X-Return-Path: <x>\r\n\r\n"),
        (b"", b""),
        (b"\r\nbody\r\n", b"\r\nbody\r\n"),
        (b"\r\nReturn-Path: in the body\r\n\r\n", b"\r\nReturn-Path: in the body\r\n\r\n"),
        (b"A: b\rReturn-Path: binary\r\nReturn-Path:\r\n\r\n", b"A: b\rReturn-Path: binary\r\n\r\n"),
    ],
)
def test_earlier_return_paths_are_replaced(content: bytes, kept: bytes) -> None:
    assert without_return_path(content) == kept


# On the simulated disk


def test_a_letter_that_was_put_survives_a_power_cut() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("mx.test", "192.0.2.1")
        await put(letter("/var/mail/alice/Maildir"), host.world.files, host.world.blocking)
        await host.power_cut(Unsynced.LOST)
        (name,) = host.world.files.names("/var/mail/alice/Maildir/new")
        octets = host.world.files.open(f"/var/mail/alice/Maildir/new/{name}").read(10_000)
        assert octets.endswith(b"bye\n")

    run_simulated(scenario, seed=1)


def test_a_letter_survives_also_in_a_maildir_whose_maker_ended_before_it_was_synced() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("mx.test", "192.0.2.1")
        host.disk.fail_syncs(1)
        with pytest.raises(OSError, match="sync failed"):
            await put(letter("/var/mail/alice/Maildir"), host.world.files, host.world.blocking)
        await put(letter("/var/mail/alice/Maildir"), host.world.files, host.world.blocking)
        await host.power_cut(Unsynced.LOST)
        assert len(host.world.files.names("/var/mail/alice/Maildir/new")) == 1

    run_simulated(scenario, seed=1)


@pytest.mark.parametrize("seed", range(5))
def test_a_power_cut_in_the_middle_leaves_all_or_nothing_in_new(seed: int) -> None:
    big = b"Subject: big\r\n\r\n" + b"x" * 3_000_000 + b"\r\n"

    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("mx.test", "192.0.2.1")
        await put(letter("/var/mail/bob", name="first"), host.world.files, host.world.blocking)
        host.start(put(letter("/var/mail/bob", big), host.world.files, host.world.blocking))
        for _ in range(world.entropy_for_test if hasattr(world, "entropy_for_test") else seed * 3):
            await asyncio.sleep(0)
        await host.power_cut()
        names = host.world.files.names("/var/mail/bob/new")
        assert [name for name in names if name.startswith("first,")]
        for name in names:
            assert name.startswith("first,") or host.world.files.size(f"/var/mail/bob/new/{name}") > 3_000_000

    run_simulated(scenario, seed=seed)


def test_a_full_disk_raises_and_leaves_nothing_behind() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("mx.test", "192.0.2.1")
        host.disk.faults = DiskFaults(quota=1000)
        big = b"Subject: big\r\n\r\n" + b"x" * 3_000_000 + b"\r\n"
        for content in (b"Subject: x\r\n\r\n" + b"x" * 2000, big):
            with pytest.raises(OSError, match="no space"):
                await put(letter("/var/mail/bob", content), host.world.files, host.world.blocking)
        assert host.world.files.names("/var/mail/bob/new") == []
        assert host.world.files.names("/var/mail/bob/tmp") == []

    run_simulated(scenario, seed=1)
