"""Every word of a verdict has a card, and everything that a card or a report tells people to use exists."""

import re
from pathlib import Path
from typing import get_args

import click
import pytest
from made_verdicts import everything

from chamiperf_ci.cli import cli
from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, RunReason, TargetVerdict, Word
from chamiperf_ci.render.cards import CARDS, page
from chamiperf_ci.render.html import page as html_report
from chamiperf_ci.render.night import comment_body, summary
from chamiperf_ci.render.numbers import Context, anchor

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
WORDS = {
    *map(str, RowVerdict),
    *map(str, TargetVerdict),
    *map(str, RunReason),
    *map(str, RowReason),
    *get_args(Word),
} - {"none"}
SOURCES = [
    *(ROOT / "chamiperf_ci" / "render").rglob("*.py"),
    *(ROOT / "chamiperf_ci" / "steps" / "compare").glob("*.py"),
    *(ROOT / "chamiperf_ci" / "steps" / "confirm").glob("*.py"),
    *(ROOT / "chamiperf_ci" / "steps" / "baselines").glob("*.py"),
    *(ROOT / "chamiperf_ci" / "steps" / "drill").glob("*.py"),
    *(ROOT / "chamiperf_ci" / "steps" / "trend").glob("*.py"),
    ROOT / "chamiperf_ci" / "steps" / "report.py",
    ROOT / "docs" / "verdicts.md",
    ROOT / "docs" / "exit-codes.md",
    ROOT / "docs" / "errors.md",
    ROOT / "docs" / "verdict.md",
    ROOT / "docs" / "baselines.md",
    ROOT / "docs" / "drill.md",
]


def test_the_page_is_the_one_that_the_cards_make():
    assert page() == PAGE, "stale: make docs"


def test_every_word_has_a_card_and_every_card_a_word():
    assert CARDS.keys() == WORDS


@pytest.mark.parametrize("word", sorted(CARDS))
def test_a_card_says_meaning_and_remedy_in_whole_sentences(word):
    card = CARDS[word]
    assert all(part and part.endswith(".") for part in (card.meaning, card.remedy))


def headings(text):
    return {anchor(line.lstrip("# ")) for line in text.splitlines() if line.startswith("#")}


def test_every_word_links_to_a_heading_of_the_page():
    links = {Context(project_url="https://x.example").card_url(word).rsplit("#", 1)[1] for word in WORDS}
    assert links <= headings(PAGE)


@pytest.mark.parametrize("render", [comment_body, summary, html_report])
def test_every_link_in_a_report_leads_to_a_heading(render):
    text = render(everything(), context=Context(project_url="https://x.example/blob/v1"))
    links = re.findall(r'href="https://x\.example/blob/v1/([^"#]+)#([^"]+)"', text)
    assert links
    for path, heading in links:
        assert heading in headings((ROOT / path).read_text(encoding="utf-8"))


def test_every_page_that_a_report_names_has_the_section_it_names():
    text_of_all = "".join(source.read_text(encoding="utf-8") for source in SOURCES)
    named = set(re.findall(r"docs/([\w-]+\.md)(?: section (\d+))?", text_of_all))
    assert ("verdict.md", "12") in named
    for page_name, section in named:
        text = (ROOT / "docs" / page_name).read_text(encoding="utf-8")
        assert not section or f"\n## {section}. " in text


@pytest.mark.parametrize(
    "page_name", ["verdicts.md", "exit-codes.md", "errors.md", "verdict.md", "baselines.md", "drill.md"]
)
def test_every_relative_link_of_the_pages_leads_somewhere(page_name):
    text = (ROOT / "docs" / page_name).read_text(encoding="utf-8")
    for target, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
        file = ROOT / "docs" / (target or page_name)
        assert file.exists(), target
        assert not heading or heading in headings(file.read_text(encoding="utf-8"))


def mentioned():
    """Each command line that a report, a message or one of the pages names, with the options behind it."""
    pattern = re.compile(r"`(chamiperf(?: [a-z][a-z-]*)+)((?: --[a-z-]+(?: [A-Z]+| [a-z]+)?)*)`")
    found = {}
    for source in SOURCES:
        for match in pattern.finditer(source.read_text(encoding="utf-8")):
            found.setdefault((match[1], match[2]), source.name)
    return sorted(found)


def resolved(line):
    """The click command that a line calls, with what is left over."""
    command, words = cli, line.split()[1:]
    context = click.Context(cli)
    while words and isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        if found is None:
            break
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize(("line", "options"), mentioned())
def test_every_command_and_option_that_a_report_names_exists(line, options):
    command, left = resolved(line)
    assert left == [], f"{line} is no command"
    known = {name for parameter in command.params for name in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", options)) <= known


def test_bare_options_that_a_report_names_belong_to_one_of_the_commands():
    known = {
        name
        for command in (
            "compare",
            "confirm",
            "report",
            "load",
            "seed",
            "update-baseline",
            "baselines",
            "drill",
            "history",
        )
        for each in [cli.get_command(click.Context(cli), command)]
        for parameter in (*each.params, *(p for sub in getattr(each, "commands", {}).values() for p in sub.params))
        for name in parameter.opts
    }
    named = {option for source in SOURCES for option in re.findall(r"`(--[a-z-]+)", source.read_text(encoding="utf-8"))}
    assert named
    assert named <= known
