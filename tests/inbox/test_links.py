"""Which addresses of a message lead outward."""

from hypothesis import given
from hypothesis import strategies as st

from heloise.inbox.links import MOST, Outward, outward


def test_links_and_what_would_be_loaded_are_told_apart_each_once() -> None:
    html = (
        '<a href="https://a.test/x?a=1&amp;b=2">x</a><A HREF=mailto:b@c.test><img src="http://p.test/i.png">'
        '<img src="cid:x"><a href="#top"><a href="https://a.test/x?a=1&amp;b=2"><td style="background:url(\'http://c.test/b\')">'
    )
    assert outward(html, "") == (
        Outward("link", "https://a.test/x?a=1&b=2"),
        Outward("link", "mailto:b@c.test"),
        Outward("picture", "http://p.test/i.png"),
        Outward("picture", "http://c.test/b"),
    )


def test_what_only_the_text_has_comes_last_and_without_its_full_stop() -> None:
    found = outward('<a href="https://a.test/">', "See https://a.test/ and https://b.test/path. Thanks")
    assert found == (Outward("link", "https://a.test/"), Outward("text", "https://b.test/path"))


def test_a_script_is_no_link() -> None:
    assert outward('<a href="javascript:x()"><a href="data:text/html,x"><a href="\tjavascript:x">', "") == ()


@given(st.text())
def test_whatever_stands_in_a_message_some_addresses_are_found_and_not_too_many(text: str) -> None:
    html = f'<a href="https://a.test/{text}">{text}'
    assert len(outward(html + "".join(f"<a href=https://x.test/{n}>" for n in range(MOST)), text)) <= MOST
