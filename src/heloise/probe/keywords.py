"""What a keyword in the answer to EHLO means, in a sentence. Those we have ourselves say it in their files."""

from heloise.smtp.registry import Registry

_OTHERS = {
    "XCLIENT": "lets a proxy say who the client is (Postfix); to be offered to proxies only",
    "XFORWARD": "lets a filter say who the client was, for the log (Postfix)",
    "BURL": "takes content from an IMAP server (RFC 4468)",
    "RRVS": "delivers only to who has owned the mailbox since a given day (RFC 7293)",
    "MTRK": "lets the way of a message be asked for (RFC 3885)",
    "NO-SOLICITING": "says which solicitations it does not take (RFC 3865)",
    "CHECKPOINT": "goes on with a transaction that was cut off (RFC 1845)",
    "CONPERM": "says which conversions it permits (RFC 4141)",
    "CONNEG": "tells what recipients can read (RFC 4141)",
    "TURN": "turns the connection around without asking who one is; obsolete, and not safe (RFC 5321 appendix F.1)",
    "SEND": "writes to a terminal; obsolete (RFC 5321 appendix F.6)",
    "SOML": "writes to a terminal, or sends mail; obsolete (RFC 5321 appendix F.6)",
    "SAML": "writes to a terminal and sends mail; obsolete (RFC 5321 appendix F.6)",
    "PIPE_CONNECT": "takes commands before its greeting (Exim)",
    "PIPECONNECT": "takes commands before its greeting (Exim)",
    "X_PIPE_CONNECT": "takes commands before its greeting (Exim)",
    "XVERP": "makes an envelope of its own for each recipient (Postfix)",
    "XEXCH50": "an old way of Exchange servers to talk to each other",
    "X-ANONYMOUSTLS": "TLS between Exchange servers",
    "X-EXPS": "authentication between Exchange servers",
    "XRDST": "routing between Exchange servers",
    "AUTH=LOGIN": "AUTH as old clients of Microsoft looked for it",
}


def meaning(registry: Registry, keyword: str) -> str:
    """The sentence, without a full stop."""
    known = registry.get(keyword)
    if known is not None:
        return f"{known.summary} ({known.rfc})" if known.rfc else known.summary
    if keyword in _OTHERS:
        return _OTHERS[keyword]
    if keyword.startswith("X"):
        return "a word of its maker's own (RFC 5321 §4.1.1.1 leaves those with an X to everybody)"
    return "not known to this program"
