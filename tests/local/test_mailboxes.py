"""What may be asked of mailboxes."""

from pathlib import Path

import pytest

from heloise.local.accounts import Account
from heloise.local.mailboxes import COUNT_EVERY, LocalMailboxes
from heloise.net import DiskFiles


class Time:
    """A clock that a test moves."""

    moment = 0.0

    def now(self) -> float:
        return self.moment

    def monotonic(self) -> float:
        return self.moment


def boxes(root: Path, clock: Time | None = None) -> LocalMailboxes:
    accounts = [Account.under(str(root), "alice"), Account.under(str(root), "bob", quota=100)]
    return LocalMailboxes(accounts, DiskFiles(), clock or Time())


def put(root: Path, name: str, size: int, directory: str = "new") -> None:
    place = root / "bob" / directory
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(b"x" * size)


@pytest.mark.parametrize("name", ["../eve", "a/b", ".hidden", ""])
def test_an_account_can_not_lead_out_of_where_mail_lies(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        Account.under("/var/mail", name)


def test_only_accounts_exist(tmp_path: Path) -> None:
    assert boxes(tmp_path).exists("alice")
    assert not boxes(tmp_path).exists("eve")


def test_a_file_locks_a_mailbox(tmp_path: Path) -> None:
    subject = boxes(tmp_path)
    assert not subject.locked("alice")
    (tmp_path / "alice").mkdir()
    assert not subject.locked("alice")
    (tmp_path / "alice" / ".locked").touch()
    assert subject.locked("alice")


def test_a_mailbox_that_can_not_be_asked_is_not_taken_for_unlocked(tmp_path: Path) -> None:
    (tmp_path / "alice").write_text("a file where a directory belongs")
    with pytest.raises(OSError, match="Not a directory"):
        boxes(tmp_path).locked("alice")


def test_usage_counts_new_and_cur(tmp_path: Path) -> None:
    assert boxes(tmp_path).usage("bob") == 0
    put(tmp_path, "a", 30)
    put(tmp_path, "b:2,S", 12, "cur")
    put(tmp_path, "c", 1000, "tmp")
    assert boxes(tmp_path).usage("bob") == 42


def test_a_size_in_the_name_is_believed(tmp_path: Path) -> None:
    put(tmp_path, "a,S=77:2,", 1, "cur")
    assert boxes(tmp_path).usage("bob") == 77


def test_usage_is_counted_anew_after_a_while_and_deliveries_at_once(tmp_path: Path) -> None:
    clock = Time()
    subject = boxes(tmp_path, clock)
    put(tmp_path, "a", 30)
    assert subject.usage("bob") == 30
    subject.delivered("bob", 5)
    assert subject.usage("bob") == 35
    put(tmp_path, "b", 5)
    put(tmp_path, "c", 7)
    assert subject.usage("bob") == 35
    clock.moment = COUNT_EVERY
    assert subject.usage("bob") == 42


def test_quota_is_that_of_the_account(tmp_path: Path) -> None:
    assert boxes(tmp_path).quota("bob") == 100
    assert boxes(tmp_path).quota("alice") is None
