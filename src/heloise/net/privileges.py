"""The user that a server runs as: who it is, and how root becomes somebody else for good."""

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path


class PrivilegeError(Exception):
    """The user can not be had; the text says why."""


@dataclass(frozen=True, slots=True)
class RunAs:
    """A user and a group of this system, by number, and the name of the user for people."""

    name: str
    uid: int
    gid: int


def is_root() -> bool:
    """May this process do everything?"""
    return os.geteuid() == 0


def look_up(user: str, group: str | None) -> RunAs:
    """A user of this system, with the group of his own or another one. Raises PrivilegeError: there is none."""
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise PrivilegeError(f'there is no user "{user}" on this system') from None
    try:
        gid = found.pw_gid if group is None else grp.getgrnam(group).gr_gid
    except KeyError:
        raise PrivilegeError(f'there is no group "{group}" on this system') from None
    return RunAs(user, found.pw_uid, gid)


def give_directory(path: str, to: RunAs) -> None:
    """Have a directory that belongs to `to`; made when it is not there.

    What is in it is not given away: in a directory that a user could write to, a name may lead anywhere.

    Raises:
        PrivilegeError: something in it belongs to somebody else.
        OSError: it can not be made.
    """
    Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.stat(path).st_uid == 0:
        os.chown(path, to.uid, to.gid)
    for entry in os.scandir(path):
        owner = entry.stat(follow_symlinks=False).st_uid
        if owner != to.uid:
            text = f"{entry.path} belongs to the user with the number {owner}, and {to.name} could not write to it"
            raise PrivilegeError(f"{text}; chown -R {to.name} {path}")


def become(to: RunAs) -> None:
    """Give up root for good, for this process and all that it starts. Raises PrivilegeError: it could be had back."""
    os.initgroups(to.name, to.gid)
    os.setgid(to.gid)
    os.setuid(to.uid)
    if to.uid == 0:
        return
    for directory in (os.path.dirname(os.__file__), os.path.dirname(__file__)):  # of Python, and our own
        if not os.access(directory, os.R_OK | os.X_OK):
            raise PrivilegeError(f"{to.name} can not read {directory}, where the program is")
    try:
        os.setuid(0)
    except PermissionError:
        return
    raise PrivilegeError(f"{to.name} can become root again")
