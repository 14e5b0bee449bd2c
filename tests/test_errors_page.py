"""docs/errors.md: a card for each kind of error, and messages that exist."""

import inspect
import re
from pathlib import Path

import pytest

from chamiperf_ci import errors

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
CARDS = {card.split("\n", 1)[0]: card for card in PAGE.split("\n### ")[1:]}
KINDS = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.ToolkitError) and kind is not errors.ToolkitError
}


def test_every_kind_of_error_has_a_card():
    assert CARDS.keys() == KINDS.keys()


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_card_states_the_exit_code_the_meaning_and_what_to_do(name):
    _, said, remedy, *_ = CARDS[name].split("\n\n")
    assert re.match(rf"Exit code {int(KINDS[name].exit_code)}[.;] \S", said)
    assert remedy.strip()


def test_every_message_of_the_page_is_one_that_is_raised():
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "chamiperf_ci").rglob("*.py"))
    listed = re.findall(r"^- `([^`]+)`: ", PAGE, re.MULTILINE)
    assert listed
    assert [message for message in listed if message.replace("version 2 ", "version {version!r} ") not in source] == []
