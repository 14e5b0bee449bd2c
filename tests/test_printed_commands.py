"""Every command that a card, a message or a report prints is one that can be run: click parses it, options and all.

A name in a sentence (`by chamiperf history add`) is a command as well: whoever reads it types it.
"""

import ast
import re
import shlex
from pathlib import Path

import click
import pytest
from made_runs import made_fingerprint
from made_verdicts import made_scenario

from chamiperf_ci.cli import cli
from chamiperf_ci.render.cards import CARDS
from chamiperf_ci.render.sentences import accept_command

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "chamiperf_ci"
GOLDEN = [ROOT / "tests" / "github" / "golden_first_nights", ROOT / "tests" / "commands" / "golden_comment"]
PRINTED = re.compile(r"`(chamiperf [^`]*)`")


def parse(line):
    """Parse a command as the terminal would, up to the point where it would run.

    Raises:
        click.UsageError: It would end there, with exit code 2.
    """
    # Options that are only known when it is printed have no name before them; a day is the reader's to find.
    line = re.sub(r"(?<! --runs)( WORD)+$", "", line).replace("--since DAY", "--since 2026-03-02")
    command, words = cli, shlex.split(line)[1:]
    context = click.Context(cli)
    while isinstance(command, click.Group):
        if not words:
            raise click.UsageError(f"{line} is half a command")
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"{line} is no command")
        command, words = found, words[1:]
    command.make_context(line, words)


def literals(source):
    """The texts of a module, f-strings with a word in place of what they hold; docstrings are for us alone."""
    text = source.read_text(encoding="utf-8")
    if "chamiperf " not in text:
        return
    nodes = list(ast.walk(ast.parse(text)))
    inner = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    docs = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "WORD" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner | docs:
            yield node.value


def printed():
    """Each command with where it is printed first."""
    places = [(f"card {word}", f"{card.meaning} {card.remedy}") for word, card in CARDS.items()]
    places += [(path.name, path.read_text().replace("&#96;", "`")) for folder in GOLDEN for path in folder.iterdir()]
    for source in sorted(PACKAGE.rglob("*.py")):
        places += [(str(source.relative_to(ROOT)), text) for text in literals(source)]
    found = {}
    for where, text in places:
        for line in PRINTED.findall(text):
            found.setdefault(line, where)
    return sorted((where, line) for line, where in found.items())


@pytest.mark.parametrize(("where", "line"), printed())
def test_a_printed_command_is_complete(where, line):
    try:
        parse(line)
    except click.ClickException as error:
        pytest.fail(f"{where} prints `{line}`: {error.format_message()}")


@pytest.mark.parametrize(
    "scenario",
    [
        {"baseline_runs": 0},
        {"baseline_runs": 0, "environment_accepted": True},
        {"baseline_runs": 0, "environment_accepted": True, "accepted_otherwise": ("machine_class: a here, b there",)},
        {"baseline_runs": 5, "environment_accepted": True},
    ],
)
def test_the_command_of_a_headline_is_complete(scenario):
    line = accept_command(made_scenario(fingerprint=made_fingerprint(environment="lab"), **scenario))
    parse(line)
    assert "--environment lab" in line
