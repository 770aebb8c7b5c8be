"""`LMTP`: the same server for LMTP (RFC 2033). Unlike aiosmtpd it gives a reply for each recipient after the text."""

from typing import ClassVar

from heloise.aiosmtpd.sessions import syntax
from heloise.aiosmtpd.smtp import SMTP


class LMTP(SMTP):
    """LHLO in the place of HELO and EHLO."""

    is_lmtp: ClassVar[bool] = True

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, hostname: str | None) -> None:
        """RFC 2033 §4.1."""
        await self._by_engine("LHLO", hostname)
