import html as stdlib_html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chamiperf_ci.render.text import html, markdown, plain

HOSTILE = {
    "pipe": "a|b",
    "backticks": "a`b``c",
    "mention": "@team",
    "mail": "someone@team",
    "issue": "#1",
    "repository": "owner/repo#1",
    "issue by prefix": "GH-12",
    "html": "<script>alert(1)</script>",
    "attribute": "x\" onload=\"alert(1)' onclick='alert(2)",
    "comment": "<!-- marker -->",
    "link": "[here](https://evil.example)",
    "image": "![x](https://evil.example/x.png)",
    "bare url": "https://evil.example/owner/repo/issues/1",
    "bare host": "www.evil.example",
    "newline": "a\nb\r\nc",
    "right to left": "a\u202eb\u2066c",
    "zero width": "a\u200bb\ufeff",
    "terminal": "\x1b[31mred\x1b[0m",
    "bold": "**a** __b__ _c_ ~~d~~",
    "entity": "&lt;b&gt; &#64;team",
    "math": "$x$",
    "emoji": ":tada: and 10:20:30",
    "heading": "# a",
    "list": "- a",
    "ordered": "1. a",
    "underline": "---",
    "table": "| a | b |",
    "backslash": "a\\|b",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_markdown_keeps_no_character_that_means_something(raw):
    escaped = markdown(raw)
    bare = re.sub(r"&#\d+;", "", escaped)
    assert not re.search(r"[|`<>*\[\]\\~!$\n\r]", bare)
    assert not re.search(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069\x00-\x1f]", bare)


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_markdown_mentions_and_references_nothing_once_it_is_rendered(raw):
    """GitHub looks for references in the text after markdown and entities are gone."""
    shown = stdlib_html.unescape(markdown(raw))
    assert not re.search(r"@[a-z0-9]|#[0-9]|gh-[0-9]|://|www\.[a-z]|:[a-z+_-]+:", shown, re.IGNORECASE)


@pytest.mark.parametrize("raw", ["boot_storm / bootscript p99", "20.7 % slower (95 %: 8.2 to 34.7 %)", "8.29 ms", "/s"])
def test_ordinary_names_and_sentences_stay_readable(raw):
    assert markdown(raw) == raw


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param("- a", "&#8203;- a", id="list"),
        pytest.param("1. a", "&#8203;1. a", id="ordered list"),
        pytest.param("1.5 a", "1.5 a", id="a number is no list"),
        pytest.param("_a_b_", "&#95;a_b&#95;", id="underscores at the edge of a word"),
    ],
)
def test_what_would_begin_a_block_or_a_span_does_not(raw, shown):
    assert markdown(raw) == shown


def test_hidden_characters_become_visible_marks():
    assert plain("a\u202eb\x1b[31mc\ud800") == "a\ufffdb\ufffd[31mc\ufffd"


def test_text_that_is_too_long_is_cut_and_says_so():
    assert plain("a" * 10, longest=5) == "aaaa…"


def test_html_is_safe_inside_attributes_too():
    assert html("""<a href="x" title='y'>&""") == "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;"


@given(st.text(max_size=60))
def test_markdown_of_any_text_is_one_line_without_markup(raw):
    escaped = markdown(raw)
    assert not re.search(r"[|`<>*\[\]\\~!$\n\r]", re.sub(r"&#\d+;", "", escaped))
    assert not re.search(r"@[A-Za-z0-9]|#[0-9]", stdlib_html.unescape(escaped))
