"""Which features of HTML and CSS a message uses, and which mail clients do not show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.inbox.client_features import features
from heloise.inbox.html_check import check_html, support
from heloise.inbox.html_scan import MOST_ELEMENTS, scan


def used(html: str) -> set[str]:
    return set(features(scan(html), support().features))


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Hello</p>", {"html-p"}),
        ("<VIDEO SRC=x></VIDEO>", {"html-video"}),
        ("<h3>a</h3><b>c</b>", {"html-h1-h6", "html-strong"}),
        ("<p style='display:flex; border-top-left-radius: 3px'>", {"css-display-flex", "css-border-radius"}),
        ("<p style=display:none>", {"css-display-none", "css-display"}),
        ("<p style='margin-inline-start: 1em'>", {"css-margin-inline-start-end", "css-unit-em"}),
        ("<p style='--x: 1; width: var(--x)'>", {"css-variables", "css-width"}),
        ("<style>a:hover { color: rgba(0,0,0,.5) }</style>", {"css-pseudo-class-hover", "css-rgba", "html-style"}),
        ("<style>p::before{}</style>", {"css-pseudo-element-before"}),
        ("<style>@media (prefers-color-scheme: dark) { p { color: red } }</style>", {"css-at-media"}),
        ("<style>/* no: thing */ .a > #b + c ~ [d] {}</style>", {"css-selector-child", "css-selector-id"}),
        ("<input type=CHECKBOX><input>", {"html-input-checkbox", "html-input-text"}),
        ("<a href='#x'>", {"html-anchor-links"}),
        ("<img src='A.WEBP?x=1'><img src='data:image/png;base64,'>", {"image-webp", "image-base64"}),
        ("<img srcset='a 2x' loading=lazy>", {"html-srcset", "html-loading-attribute"}),
        ("<table bgcolor=red cellpadding=3>", {"css-background-color", "html-cellpadding", "html-table"}),
    ],
)
def test_features_are_found(html: str, expected: set[str]) -> None:
    assert expected <= used(html)


@pytest.mark.parametrize(
    "html", ["<!-- <video> -->", "<title><video></title>", "<script>'<video>'</script>", "&lt;video&gt;", "< video>"]
)
def test_what_is_only_text_is_not_found(html: str) -> None:
    assert "html-video" not in used(html)


def test_what_is_shown_everywhere_is_no_warning_and_what_is_not_is_told_with_the_clients() -> None:
    assert check_html("<p>Hello</p>").warnings == ()
    check = check_html("<p>a</p><p>b</p><video src=x></video>")
    (warning,) = check.warnings
    assert (warning.feature.slug, warning.found, check.nodes) == ("html-video", 1, 3)
    assert "Outlook Windows" in [client.name for client in warning.clients("n")]
    assert check.unsupported == pytest.approx(warning.unsupported / 3)
    assert check.supported + check.partial + check.unsupported == pytest.approx(100)


def test_scripts_run_nowhere() -> None:
    check = check_html("<script>x</script><script type='application/ld+json'>{}</script>")
    assert [(each.feature.slug, each.found, each.unsupported) for each in check.warnings] == [("html-script", 1, 100)]


def test_attributes_are_read_as_they_are_written_in_the_wild() -> None:
    (element,) = scan('<A HREF=x/y CLASS = \'a "b"\' data-x="&lt;é" disabled CLASS=z>').elements
    assert element.name == "a"
    assert element.attributes == {"href": "x/y", "class": 'a "b"', "data-x": "<é", "disabled": ""}


def test_much_is_bounded() -> None:
    assert len(scan("<b>" * (MOST_ELEMENTS + 10)).elements) == MOST_ELEMENTS
    for text in ("<style>/*" * 10_000, "<a x='" * 20_000, "<style>" + "@media" * 5000):
        check_html(text)


@given(st.text(alphabet="<>/=\"' abstyle!-{}:;@*#", max_size=300))
def test_whatever_it_is_it_is_read(html: str) -> None:
    check = check_html(html)
    assert 0 <= check.supported <= 100


def test_the_licence_of_the_data_is_told_with_them() -> None:
    from importlib.resources import files

    text = (files("heloise.inbox") / "client_support.json").read_text("utf-8")
    assert "Copyright (c) 2019 Rémi Parmentier" in text
    assert "The above copyright notice and this permission notice shall be included" in text
