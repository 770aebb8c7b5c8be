"""Real milters: OpenDKIM, and programs on pymilter, which is libmilter of sendmail."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

from tests.peers.jail import LOOPBACK, Peer, write_files
from tests.peers.require import require

# Does what the message asks for: each X-Do field is JSON, the name of a method of the milter and its arguments, or
# "return" and the name of an answer; done at the end of the message. A local part such as mail-REJECT@ or
# rcpt-TEMPFAIL@, and a field X-Header: REJECT, are answers at these stages. ["say"] adds what it was told.
OBEDIENT = """
import json, sys, time
import Milter

class Obedient(Milter.Base):
    def __init__(self):
        self.todo = []

    @staticmethod
    def wish(stage, path):
        local = path.strip('<>').split('@')[0]
        kind, dash, word = local.partition('-')
        return getattr(Milter, word) if dash and kind == stage else Milter.CONTINUE

    def connect(self, name, family, address):
        self.said = ['connect %s %s' % (name, address[0])]
        self.said += ['%s=%s' % (each, self.getsymval(each)) for each in ('j', '{daemon_name}', '{client_addr}')]
        return Milter.CONTINUE

    def hello(self, name):
        self.said.append('helo ' + name)
        if name.startswith('refused'):
            self.setreply('550', '5.7.1', 'Not that name')
            return Milter.REJECT
        return Milter.CONTINUE

    def envfrom(self, path, *words):
        self.todo = []
        self.said += ['mail %s' % ' '.join((path,) + words)]
        self.said += ['%s=%s' % (each, self.getsymval(each)) for each in ('{mail_addr}', '{auth_authen}')]
        return self.wish('mail', path)

    def envrcpt(self, path, *words):
        self.said.append('rcpt %s %s' % (' '.join((path,) + words), self.getsymval('{rcpt_addr}')))
        return self.wish('rcpt', path)

    def data(self):
        return Milter.CONTINUE

    def header(self, name, value):
        if name == 'X-Do':
            self.todo.append(json.loads(value))
        if name == 'X-Header':
            return getattr(Milter, value.strip())
        return Milter.CONTINUE

    def body(self, chunk):
        return Milter.CONTINUE

    def eom(self):
        answer = Milter.CONTINUE
        for call, *arguments in self.todo:
            if call == 'return':
                answer = getattr(Milter, arguments[0])
            elif call == 'sleep':
                time.sleep(arguments[0])
            elif call == 'say':
                for line in self.said:
                    self.addheader('X-Said', line)
                self.addheader('X-Queue-Id', 'yes' if self.getsymval('i') else 'no')
            elif call == 'replacebody':
                self.replacebody(arguments[0])
            else:
                getattr(self, call)(*arguments)
        return answer

    def abort(self):
        self.todo = []
        return Milter.CONTINUE

    def close(self):
        return Milter.CONTINUE

Milter.factory = Obedient
Milter.set_flags(Milter.CHGBODY + Milter.CHGHDRS + Milter.ADDHDRS + Milter.ADDRCPT + Milter.DELRCPT
                 + Milter.QUARANTINE + Milter.CHGFROM + Milter.ADDRCPT_PAR)
Milter.runmilter('obedient', sys.argv[1], 60)
"""


_SOCKET = "milter.sock"


class _Milter(Peer):
    """One on a loopback port."""

    def ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0

    @property
    def postfix_name(self) -> str:
        """As Postfix has it in smtpd_milters."""
        return f"inet:{LOOPBACK}:{self.port}"


class PyMilter(_Milter):
    """A program on pymilter; it gets the name of its socket as an argument."""

    name = "pymilter"

    def __init__(self, program: str = OBEDIENT, *, unix: bool = False) -> None:
        super().__init__(require("pymilter"))
        self._program = program
        self._unix = unix
        self._etc = self.jail.bind("/srv/program")

    def configure(self) -> Sequence[str]:
        write_files(self._etc, {"obedient.py": self._program.encode()})
        where = f"unix:/srv/program/{_SOCKET}" if self._unix else f"inet:{self.port}@{LOOPBACK}"
        return ["/usr/bin/python3", "/srv/program/obedient.py", where]

    @property
    def socket(self) -> str:
        """The Unix socket, as seen from here."""
        return str(self._etc / _SOCKET)

    def ready(self) -> bool:
        return (self._etc / _SOCKET).exists() if self._unix else super().ready()


class OpenDkim(_Milter):
    """OpenDKIM, which signs mail from `domain` of clients on the loopback interface by the key in `files`."""

    name = "opendkim"

    def __init__(self, domain: str, *, files: Mapping[str, bytes], extra: str = "") -> None:
        super().__init__(require("opendkim"))
        self._domain = domain
        self._files = dict(files)
        self._extra = extra
        self._etc = self.jail.bind("/srv/opendkim")

    def configure(self) -> Sequence[str]:
        text = (
            f"Socket inet:{self.port}@{LOOPBACK}\nDomain {self._domain}\nSelector test\nKeyFile /srv/opendkim/key.pem\n"
            "InternalHosts 127.0.0.0/8\nMode s\nUserID root\nCanonicalization simple/simple\nRequireSafeKeys no\n"
            f"PidFile /tmp/opendkim.pid\nSyslog no\nBackground no\n{self._extra}"
        )
        write_files(self._etc, {"opendkim.conf": text.encode(), **self._files})
        return ["/usr/sbin/opendkim", "-f", "-x", "/srv/opendkim/opendkim.conf"]
