"""The macros that a milter is told at each step: names of sendmail, the choice of Postfix (MILTER_README)."""

from collections.abc import Mapping

from heloise.mail.envelope import Parameters
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.route import Transport
from heloise.policy.views import DataView, MailView, MessageView, RcptView, RefusedView, SessionView

Macros = dict[str, str]


def of_connection(session: SessionView, version: str, more: Mapping[str, str]) -> Macros:
    """Who is connected to whom. `more` are those that an operator has written."""
    client = client_name(session)
    return {
        "j": session.hostname,
        "_": client if session.client_name is None else f"{client} [{session.client}]",
        "v": version,
        "{daemon_name}": session.listener or session.hostname,
        "{daemon_addr}": session.local,
        "{daemon_port}": str(session.local_port),
        "{if_name}": session.hostname,
        "{if_addr}": session.local,
        "{client_name}": client,
        "{client_addr}": session.client,
        "{client_port}": str(session.client_port),
        "{client_ptr}": session.client_name or "unknown",
        "{client_resolve}": "FAIL" if session.client_name is None else "OK",
        **more,
    }


def client_name(session: SessionView) -> str:
    """libmilter, xxfi_connect: the host name, or the address in brackets where none is known."""
    if session.client_name is not None:
        return session.client_name
    return "localhost" if session.client == "unix" else f"[{session.client}]"


def of_hello(session: SessionView) -> Macros:
    """What protects the session."""
    tls = session.encryption
    if tls is None:
        return {}
    macros = {"{tls_version}": tls.version, "{cipher}": tls.cipher, "{cipher_bits}": _bits(tls.cipher)}
    if tls.peer_names:
        macros |= {"{cert_subject}": tls.peer_names[-1], "{cert_issuer}": tls.peer_issuer}
    return macros


def of_mail(view: MailView) -> Macros:
    """Who sends, and who has proved to be whom."""
    mailbox = view.reverse_path.mailbox
    macros = {
        "{mail_addr}": "" if mailbox is None else str(mailbox),
        "{mail_host}": "" if mailbox is None else mailbox.domain,
        "{mail_mailer}": "smtp",
    }
    if view.session.user is not None:
        macros |= {"{auth_authen}": view.session.user, "{auth_type}": view.session.mechanism or "SASL"}
        author = view.parameters.value("AUTH")
        if author is not None and author != "<>":
            macros["{auth_author}"] = author
    return macros


def of_rcpt(view: RcptView) -> Macros:
    """For whom."""
    path = view.forward_path
    return {
        "{rcpt_addr}": str(path).strip("<>"),
        "{rcpt_host}": path.domain or "",
        "{rcpt_mailer}": "local" if view.routes and view.routes[0].transport is Transport.MAILDIR else "smtp",
    }


def of_refused(view: RefusedView) -> Macros:
    """Why not, as sendmail has it: the mailer "error"."""
    return {
        "{rcpt_addr}": " ".join(view.reply.lines),
        "{rcpt_host}": str(view.reply.status or view.reply.code),
        "{rcpt_mailer}": "error",
    }


def of_message(view: DataView | MessageView) -> Macros:
    """Its id in the queue."""
    return {} if view.message_id is None else {"i": view.message_id}


def words(path: ReversePath | ForwardPath, parameters: Parameters) -> list[bytes]:
    """The argument of MAIL or RCPT, as the milter gets it: the path in brackets, then each parameter."""
    return [path.encode(), *[str(each).encode() for each in parameters]]


def _bits(cipher: str) -> str:
    return "256" if "256" in cipher.replace("SHA256", "") or "CHACHA20" in cipher else "128"
