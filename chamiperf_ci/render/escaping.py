"""Text from files, made harmless for the place it is shown in; knows nothing of verdicts.

Names of metrics and endpoints, and the words of a run's problems, are other people's text. Wherever they are shown they
must neither break the layout, nor ping anyone, nor steer a terminal.
"""

import re
import unicodedata

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
    seen = "".join(_REPLACEMENT if unicodedata.category(char) in _HIDDEN else char for char in spaced)
    return seen if len(seen) <= longest else f"{seen[: longest - 1]}…"


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


def _defuse(match: re.Match[str]) -> str:
    found = match[0]
    return found if found.startswith("&#") else f"{found}{_NO_BREAK}"
