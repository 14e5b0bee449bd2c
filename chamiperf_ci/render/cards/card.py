"""A card: what a word of a verdict means, what causes it, what to do about it."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """One word's card; three parts, each one or two sentences."""

    meaning: str
    cause: str
    remedy: str


def plain_text(markdown: str) -> str:
    """Return a card's text without its markup: no backticks, links as their label."""
    return re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", markdown).replace("`", "")
