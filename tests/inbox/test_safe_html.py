"""What is taken out of HTML before it is shown. That a browser then does nothing is seen in tests/browser."""

import re

from hypothesis import given
from hypothesis import strategies as st

from heloise.inbox.safe_html import LOOK, disarmed, policy


def test_what_calls_other_hosts_without_loading_anything_is_no_element_any_more() -> None:
    html = '<LINK rel=preconnect href=//x><meta/http-equiv=refresh content="0;url=//x"><base\nhref=//x></Base><iframe '
    assert disarmed(html, {}) == (
        '<x-LINK rel=preconnect hre\u2060f=//x><x-meta/http-equiv=refresh content="0;url=//x">'
        "<x-base\nhre\u2060f=//x></x-Base><x-iframe "
    )


def test_words_that_only_begin_so_stay_as_they_are() -> None:
    for html in ("<linked>", "<basefont color=red>", "a link < meta", "&lt;base&gt;", "<article>", "<abbr title=x>"):
        assert disarmed(html, {}) == html


def test_a_link_is_none_any_more_and_looks_like_one() -> None:
    made = disarmed('<a href="x" target=_top>', {})
    assert made.startswith('<a target="_blank" rel="noreferrer noopener" hre\u2060f="x"')
    assert made.endswith(LOOK)
    assert disarmed("<style>a:link,a[href^=x],a:link-x{}</style>a:link", {}) == (
        "<style>a[hre\u2060f],a[hre\u2060f^=x],a:link-x{}</style>a:link"
    )


@given(st.text(alphabet=" <>/=\"'aAhHrReEfFxX:\x00\t\n"))
def test_no_address_of_a_link_is_left(html: str) -> None:
    assert re.search("href", disarmed(html, {}), re.IGNORECASE | re.ASCII) is None


def test_pictures_of_the_message_get_an_address_and_others_do_not() -> None:
    parts = {"a@b": "/parts/1", "x y": "/parts/2"}
    html = "<img src=cid:a@b><img src='CID:x%20y'><td background=\"cid:no@b\"><p style='background:url(cid:a@b)'>"
    assert disarmed(html, parts) == (
        "<img src=/parts/1><img src='/parts/2'><td background=\"cid:no@b\"><p style='background:url(/parts/1)'>"
    )


@given(st.text(alphabet=" <>/=\"'aAlLiInNkKmMeEtTbBsS\x00\t\n\u017f\u212a"))
def test_no_tag_of_these_names_is_left(html: str) -> None:
    made = disarmed(html, {})
    assert re.search(r"</?(link|meta|base)[\s/>]", made, re.IGNORECASE | re.ASCII) is None


def test_a_policy_names_the_path_of_the_parts_where_a_host_can_be_named() -> None:
    assert "img-src data: http://localhost:8025/p/;" in policy("localhost:8025", "/p/")
    assert "img-src data: 'self';" in policy("[::1]:8025", "/p/")
    assert "img-src data: 'self';" in policy("x; script-src *", "/p/")
