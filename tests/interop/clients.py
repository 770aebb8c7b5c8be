"""Mail clients as one function each: hand `octets` to a server as they are, and say how the server took it."""

from __future__ import annotations

import json
import smtplib
import subprocess
from collections.abc import Sequence

from tests.peers import require
from tests.serving import PROGRAM

TIMEOUT = 30


def run(command: Sequence[str], octets: bytes = b"", *, code: int = 0) -> str:
    """Run a client to its end; what it said on both outputs."""
    done = subprocess.run(
        command, input=octets, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False
    )
    said = done.stdout.decode(errors="replace")
    assert done.returncode == code, said
    return said


class Smtplib:
    """Python's own client."""

    def send(self, port: int, sender: str, recipients: Sequence[str], octets: bytes) -> None:
        is_ascii = all(address.isascii() for address in (sender, *recipients))
        with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=TIMEOUT) as session:
            options = ["BODY=8BITMIME"] if is_ascii else ["SMTPUTF8", "BODY=8BITMIME"]
            assert session.sendmail(sender, recipients, octets, mail_options=options) == {}


class Swaks:
    """swaks, with its options."""

    def __init__(self, *options: str) -> None:
        self._options = options

    def send(self, port: int, sender: str, recipients: Sequence[str], octets: bytes) -> None:
        self.say(port, sender, recipients, octets)

    def say(self, port: int, sender: str, recipients: Sequence[str], octets: bytes | None, *more: str) -> str:
        """Send, and return the dialogue it prints."""
        command = [
            *(str(require("swaks")), "--server", "127.0.0.1", "--port", str(port), "--ehlo", "client.test"),
            *("--from", sender, "--to", ",".join(recipients), *self._options, *more),
        ]
        if octets is None:
            return run(command)
        # Without a final dot in the data swaks adds an empty line.
        return run([*command, "--data", "-"], octets + b".")


class Curl:
    """curl, which uploads a message by smtp://."""

    def send(self, port: int, sender: str, recipients: Sequence[str], octets: bytes) -> None:
        run(
            [
                *(str(require("curl")), "-sS", f"smtp://127.0.0.1:{port}/client.test", "--mail-from", sender),
                *(word for recipient in recipients for word in ("--mail-rcpt", recipient)),
                *("--upload-file", "-"),
            ],
            octets,
        )


class Msmtp:
    """msmtp, which stands in for sendmail on many machines."""

    def send(self, port: int, sender: str, recipients: Sequence[str], octets: bytes) -> None:
        program = str(require("msmtp"))
        options = ["--set-from-header=off", "--set-date-header=off", "--set-msgid-header=off"]
        run([program, "--host=127.0.0.1", f"--port={port}", f"--from={sender}", *options, "--", *recipients], octets)


class HeloiseSend:
    """`heloise send`, with its options."""

    def __init__(self, *options: str) -> None:
        self._options = options

    def send(self, port: int, sender: str, recipients: Sequence[str], octets: bytes) -> None:
        run(self._command(port, sender, recipients), octets)

    def transcript(
        self, port: int, sender: str, recipients: Sequence[str], octets: bytes, *, code: int = 0
    ) -> list[str]:
        """Send, and return what was said by both, one entry for each command or reply."""
        said = run([*self._command(port, sender, recipients), "--json"], octets, code=code)
        return [entry["text"] for entry in json.loads(said)["transcript"]]

    def _command(self, port: int, sender: str, recipients: Sequence[str]) -> list[str]:
        return [
            *(PROGRAM, "send", "--server", f"127.0.0.1:{port}", "--hello", "client.test", "--from", sender),
            *(word for recipient in recipients for word in ("--to", recipient)),
            *("--file", "-", *self._options),
        ]


class Nodemailer:
    """nodemailer, the client of the world of JavaScript."""

    _SCRIPT = """
        const [errand, chunks] = [JSON.parse(process.argv[1]), []];
        const options = { host: "127.0.0.1", port: errand.port, name: "client.test", ignoreTLS: true };
        process.stdin.on("data", chunk => chunks.push(chunk)).on("end", () =>
            require("nodemailer").createTransport(options).sendMail(
                { envelope: { from: errand.from, to: errand.to }, raw: Buffer.concat(chunks) },
                (error, info) => {
                    console.log(error || info);
                    process.exit(error || info.rejected.length ? 1 : 0);
                }));
    """

    def send(self, port: int, sender: str, recipients: Sequence[str], octets: bytes) -> None:
        errand = {"port": port, "from": sender, "to": list(recipients)}
        run([str(require("nodemailer")), "-e", self._SCRIPT, json.dumps(errand)], octets)
