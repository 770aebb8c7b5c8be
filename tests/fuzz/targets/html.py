"""HTML that is looked through for features and links: whatever it is, it is read, and the result is in bounds."""

from heloise.inbox.html_check import check_html
from heloise.inbox.html_scan import scan
from tests.fuzz.supply import Supply
from tests.fuzz.targets import Target

TOKENS = (
    *(b"<a href='", b"'>", b'<img src="', b'">', b"<style>", b"</style>", b"<!--", b"-->", b"<script>", b"</script"),
    *(
        b"@media (",
        b"{",
        b"}",
        b"color: red;",
        b"!important",
        b"/*",
        b"*/",
        b"style=",
        b"display:flex",
        b"&amp;",
        b"> p",
    ),
)


def run(octets: bytes) -> None:
    """No settings."""
    html = Supply(octets).rest().decode("utf-8", "replace")
    found = scan(html)
    assert len(found.elements) <= html.count("<")
    assert all(element.name == element.name.lower() and element.name for element in found.elements)
    check = check_html(html)
    assert 0 <= check.supported <= 100
    assert all(warning.found > 0 for warning in check.warnings)


TARGET = Target(run=run, tokens=TOKENS, settings=0)
