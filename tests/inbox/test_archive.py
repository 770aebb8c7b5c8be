"""The inbox as files: what is written is what is read again, and other programs read it too."""

import io
import json
import mailbox
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.inbox import archive
from heloise.inbox.archive import INDEX, Found, MboxReader, ZipWriter, as_caught, mbox_entry, read_zip
from heloise.inbox.message import CaughtMessage
from heloise.mail.ids import MessageId
from tests.inbox.letters import letter

LETTERS = (
    letter("alice@one.test", header="Subject: one", body="From here on\n>From there\n\nFrom nobody\n"),
    letter("bob@two.test", "carol@two.test", sender="", header="Subject: =?utf-8?q?=C3=A4?=", body="\n\n.\n"),
    letter("dave@three.test", header="To: x@y.test", body="ends without"),
)


def read(octets: bytes, size: int = 7) -> list[Found]:
    reader = MboxReader()
    found = [each for start in range(0, len(octets), size) for each in reader.feed(octets[start : start + size])]
    return [*found, *reader.close()]


def test_an_mbox_is_read_as_it_was_written() -> None:
    found = read(b"".join(map(mbox_entry, LETTERS)))
    assert [each.octets for each in found] == [each.octets for each in LETTERS]
    assert [each.sender for each in found] == ["a@b.test", "", "a@b.test"]


lines = st.lists(st.sampled_from(["From ", ">From x", "", "a", "ß", ">>From ", "From", "."]), max_size=8)


@given(st.lists(lines.map("\n".join), min_size=1, max_size=4), st.integers(1, 40))
def test_any_messages_come_back_however_the_file_is_cut(bodies: list[str], size: int) -> None:
    letters = [letter(body=body) for body in bodies]
    found = read(b"".join(map(mbox_entry, letters)), size)
    assert [each.octets for each in found] == [each.octets for each in letters]


def test_the_standard_library_reads_our_mbox(tmp_path: Path) -> None:
    (tmp_path / "mbox").write_bytes(b"".join(map(mbox_entry, LETTERS)))
    assert [message["Subject"] for message in mailbox.mbox(tmp_path / "mbox")] == ["one", "=?utf-8?q?=C3=A4?=", None]


def test_we_read_the_mbox_of_the_standard_library(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "mbox")
    for each in LETTERS:
        box.add(each.octets.replace(b"\r\n", b"\n"))
    box.flush()
    found = read((tmp_path / "mbox").read_bytes(), 100)
    assert [each.octets.split(b"\r\n")[0] for each in found] == [each.octets.split(b"\r\n")[0] for each in LETTERS]


def test_what_is_no_mbox_is_told_so() -> None:
    with pytest.raises(ValueError, match="this is no mbox"):
        read(b"Subject: x\n\nFrom here\n")


def test_a_message_that_is_too_large_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST", 500)
    reader = MboxReader()
    large = mbox_entry(letter(body="x" * 400 + "\n" + "y" * 400)) + mbox_entry(letter(body="z" * 5000))
    octets = mbox_entry(LETTERS[0]) + large + mbox_entry(LETTERS[1])
    found = [*reader.feed(octets[:3000]), *reader.feed(octets[3000:]), *reader.close()]
    assert [each.octets for each in found] == [LETTERS[0].octets, LETTERS[1].octets]
    assert reader.skipped == 2


def zipped(*letters: CaughtMessage) -> bytes:
    writer = ZipWriter()
    return b"".join([*map(writer.add, letters), writer.close(0)])


def test_a_zip_comes_back_with_envelopes() -> None:
    found = list(read_zip(zipped(*LETTERS)))
    assert [each.octets for each in found] == [each.octets for each in LETTERS]
    again = [as_caught(each, now=9e9, message_id=MessageId("N")) for each in found]
    assert [each.envelope for each in again] == [each.envelope for each in LETTERS]
    assert [each.origin.received_at for each in again] == [each.origin.received_at for each in LETTERS]


def test_a_zip_is_one_for_others_and_its_index_is_readable() -> None:
    with zipfile.ZipFile(io.BytesIO(zipped(*LETTERS))) as found:
        assert found.testzip() is None
        assert len(found.namelist()) == len(LETTERS) + 1
        told = [json.loads(line) for line in found.read(INDEX).splitlines()]
    assert told[1]["envelope"] == ["<>", "<bob@two.test>", "<carol@two.test>"]


@pytest.mark.parametrize("octets", [b"PK\x03\x04", b"PK\x03\x04" + bytes(100), zipped(*LETTERS)[:-30]])
def test_a_broken_zip_is_told_so(octets: bytes) -> None:
    with pytest.raises(ValueError, match="can not be read"):
        list(read_zip(octets))


def test_a_zip_that_is_large_when_unpacked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_UNPACKED", 100_000)
    with pytest.raises(ValueError, match="unpacked"):
        list(read_zip(zipped(letter(body="x" * 200_000))))


def test_an_envelope_that_is_not_known_is_that_of_the_header() -> None:
    octets = (
        b"From: Shop <shop@x.test>\r\nTo: a@b.test, not an address\r\nCc: A <a@b.test>, c@d.test\r\n"
        b"Date: Sat, 28 Nov 2026 10:00:00 +0000\r\n\r\n"
    )
    message = as_caught(Found(octets), now=9e9, message_id=MessageId("N"))
    assert message.sender == "shop@x.test"
    assert set(message.recipients) >= {"a@b.test", "c@d.test"}
    assert message.origin.received_at == 1795860000
    assert as_caught(Found(octets), now=5.0, message_id=MessageId("N")).origin.received_at == 5
    assert as_caught(Found(b""), now=5.0, message_id=MessageId("N")).recipients == ()
