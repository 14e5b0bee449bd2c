"""Text of others made harmless for markdown and HTML, and private values kept out of what is published."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache

# Control and format characters, surrogates, private use, line and paragraph separators: among them newlines,
# terminal escapes, zero-width characters and the marks that reverse the direction of writing.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_NO_BREAK = "&#8203;"

# Punctuation with a meaning in GitHub's markdown or in HTML, as numeric entities, which mean nothing to either.
_MARKDOWN = {ord(char): f"&#{ord(char)};" for char in "&<>|`*[]\\~!$"}
# An underscore inside a word is only an underscore, and names are full of them.
_EDGE_UNDERSCORE = re.compile(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
# What GitHub turns into a mention, an issue, a link or an emoji after the markdown was rendered: a zero-width space
# behind the first character ends the pattern, as an entity would not.
_REFERENCE = re.compile(r"[@#]|(?<=gh-)(?=\d)|(?<=:)(?=//)|(?<=www)(?=\.)|:(?=[+\w-]+:)", re.IGNORECASE)
# What begins a block at the start of a line: a list, a heading underline, a table.
_BLOCK_START = re.compile(r"^([-+=]|\d+(?=[.)](?:\s|$)))")


def plain(raw: str, *, longest: int = 2_000) -> str:
    """Return one line of visible text: hidden characters become a replacement mark, white space one blank.

    Text over `longest` characters is cut and ends in an ellipsis.
    """
    spaced = re.sub(r"\s+", " ", raw).strip()
    # What can be printed hides nothing, which is most of what a report holds.
    seen = spaced if spaced.isprintable() else "".join(map(_seen, spaced))
    return seen if len(seen) <= longest else f"{seen[: longest - 1]}…"


def _seen(char: str) -> str:
    return _REPLACEMENT if unicodedata.category(char) in _HIDDEN else char


def markdown(raw: str, *, longest: int = 2_000) -> str:
    """Return text that GitHub shows as it is: no markup, no HTML, no mention, no reference, no table cell broken."""
    escaped = plain(raw, longest=longest).translate(_MARKDOWN)
    escaped = _EDGE_UNDERSCORE.sub("&#95;", escaped)
    # Entities hold a `#` of their own, which must not be broken up; they never follow a digit sign of the text.
    escaped = re.sub(r"&#\d+;|" + _REFERENCE.pattern, _defuse, escaped, flags=re.IGNORECASE)
    return _BLOCK_START.sub(lambda match: f"{_NO_BREAK}{match[0]}", escaped)


def html(raw: str, *, longest: int = 2_000) -> str:
    """Return text for HTML and XML, safe as content and inside quoted attributes."""
    text = plain(raw, longest=longest)
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(char, entity)
    return text


def is_web(url: str) -> bool:
    """Whether a text is an http(s) address and nothing beside it."""
    return re.fullmatch(r"https?://[^\s\"'<>]+", url) is not None


# Private use characters, which `plain` lets through nowhere: no text of others can begin or end data of its own.
_DATA_BEGINS, _DATA_ENDS = "\ue000", "\ue001"
_DATA = re.compile(f"{_DATA_BEGINS}([^{_DATA_ENDS}]*){_DATA_ENDS}")
LONGEST_DATA = 80


def data(raw: str, *, longest: int = LONGEST_DATA) -> str:
    """Mark text of others inside a sentence of ours, so that every place shows it as data, cut to `longest`."""
    return f"{_DATA_BEGINS}{plain(raw, longest=longest)}{_DATA_ENDS}"


def sentence_in_markdown(text: str) -> str:
    """Return a sentence of ours for markdown, the data in it as code.

    Code by HTML tags: backticks in a name could end a code span, and inside code nobody is mentioned.
    """
    return _with_data(text, _with_code(markdown, "<code>"), lambda found: f"<code>{markdown(found)}</code>")


@lru_cache(4_096)
def sentence_in_html(text: str) -> str:
    """Return a sentence of ours for HTML, the data in it as code with a direction of its own."""
    return _with_data(text, _with_code(html, '<code dir="ltr">'), lambda found: f'<code dir="ltr">{html(found)}</code>')


def sentence_in_plain_text(text: str) -> str:
    """Return a sentence of ours for places without markup, the data in it as it is where it is a mere name."""
    return _with_data(text, plain, lambda found: found if _NAME_LIKE.fullmatch(found) else f"“{found}”")


_NAME_LIKE = re.compile(r"[\w./:@+-]{1,40}(?: / [\w./:@+-]{1,40})?(?: [\w./:@+-]{1,20}){0,2}")


def _with_code(escape: Callable[[str], str], begin: str) -> Callable[[str], str]:
    """Escape words of ours, in which backticks stand around a command."""

    def escaped(ours: str) -> str:
        parts = ours.split("`")
        if len(parts) % 2 == 0:  # a command with data in it is in two parts of the sentence
            return escape(ours)
        return "".join(
            f"{begin}{escape(part)}</code>" if place % 2 else _spaced(part, escape(part))
            for place, part in enumerate(parts)
        ).strip()

    return escaped


def _spaced(raw: str, escaped: str) -> str:
    """The blanks around a part of a sentence, which every escape strips."""
    return f"{' ' * raw[:1].isspace()}{escaped}{' ' * (bool(escaped) and raw[-1:].isspace())}"


def _with_data(text: str, ours: Callable[[str], str], theirs: Callable[[str], str]) -> str:
    shown = []
    for place, part in enumerate(_DATA.split(text)):
        if place % 2:
            shown.append(theirs(part))
        else:
            inner = ours(part)
            shown.append(_spaced(part, inner))
    return "".join(shown)


def _defuse(match: re.Match[str]) -> str:
    found = match[0]
    return found if found.startswith("&#") else f"{found}{_NO_BREAK}"


# Every repetition is bounded, as names and addresses are: the text may be made to be slow.
_REST = r"[^\s\"'<>()\[\]{}|`,;"
_URL = (
    rf"[A-Za-z][A-Za-z0-9+.-]{{0,15}}://(?:{_REST}/?#]{{0,256}}@)?(?:\[[0-9A-Fa-f:.]+\](?::\d+)?|{_REST}/?#@]+)"
    rf"(?P<path>/{_REST}?#]*)?(?:[?#]{_REST}]*)?"
)
_IPV4 = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.]*\w)"
_IPV6 = r"\[[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{0,45}\](?::\d{1,5})?"
# Two dots at least, and a last label of letters that no file of ours ends in.
_NAME = (
    r"(?<![\w./-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){2,8}"
    r"(?!(?:json|js|py|md|ya?ml|toml|html|xml|txt|log|csv)\b)[A-Za-z]{2,24}(?::\d{1,5})?(?![\w-])"
)
_PORT_NAME = r"(?<![\w./-])[A-Za-z][A-Za-z0-9-]{0,62}(?:\.[A-Za-z][A-Za-z0-9-]{0,62}){0,8}:\d{4,5}(?!\d|\.)"
_ADDRESS = re.compile(f"{_URL}|{_IPV6}|{_IPV4}|{_NAME}|{_PORT_NAME}")
_HOST = re.compile(r"^(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]*)(?::(\d+))?")


def without_hosts(text: str, *, environment: str, services: Mapping[str, str]) -> str:
    """The text with each address replaced by `service@environment`.

    Args:
        text: Any text, of one line or many.
        environment: The stack's name; empty becomes `stack`.
        services: `host:port`, or `host` alone where a service has its default port, to the service's name; addresses
            that are not in it become `host@environment`.
    """
    place = environment or "stack"
    known = {address.lower(): service for address, service in services.items()}

    def replace(match: re.Match[str]) -> str:
        found = match[0]
        # A full stop or a colon behind an address belongs to the sentence.
        kept = found.rstrip(".:!?")
        path = (match["path"] or "").rstrip(".:!?")
        return f"{known.get(_address(kept), 'host')}@{place}{path}{found[len(kept) :]}"

    return _ADDRESS.sub(replace, text)


def address_of(url: str) -> str:
    """The `host:port` of a URL, in lower case; `host` alone where the URL has no port."""
    return _address(url)


def _address(found: str) -> str:
    rest = found.partition("://")[2] or found
    match = _HOST.match(rest)
    if match is None:
        return ""
    host, port = match[1].lower(), match[2]
    return f"{host}:{port}" if port else host
