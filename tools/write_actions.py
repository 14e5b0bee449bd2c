"""Writes actions/<name>/action.yml from the commands' options, and docs/actions.md from the action.yml files.

An action is a command with its options as inputs: same words, same defaults, nothing of its own. Values reach the
command by environment only (`CHAMIPERF_IN_<COMMAND>_<OPTION>`, read by click): no action has a shell line that quotes.

`python -m tools.write_docs` writes them; a test compares.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path

import click

from chamiperf_ci import __version__
from chamiperf_ci.cli import COMMANDS
from chamiperf_ci.options import Duration
from tools.actions import ACTIONS, Action
from tools.actions_page import page

ROOT = Path(__file__).resolve().parent.parent

FOR_PEOPLE = frozenset({"form", "shape"})
"""Options that change only what a terminal shows."""

TARGET_INPUTS = frozenset({"target", "config", "environment"})
"""Of the options that name a target, those that are inputs. The others come by variable: addresses and credentials are
the same for every step of a job, and a secret is no input."""

WRITES_AS = "Token to write to GitHub with, such as an App's. Default: the job's own."

EXIT_CODE = "0 fine, 1 a verdict says no, 2 usage or configuration, 3 the measurement is not valid, 4 GitHub failed."


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file and its text; the page is made from the action.yml files as they will be."""
    texts = {action.name: action_text(action) for action in ACTIONS}
    for name, text in texts.items():
        yield ROOT / "actions" / name / "action.yml", text
    setup = (ROOT / "actions" / "setup" / "action.yml").read_text(encoding="utf-8")
    yield ROOT / "docs" / "actions.md", page({"setup": setup, **texts})


def command_of(action: Action) -> click.Command:
    """The click command behind an action."""
    module, _ = COMMANDS[action.name]
    command: click.Command = getattr(importlib.import_module(f"chamiperf_ci.commands.{module}"), module)
    if action.subcommand:
        command = command.commands[action.subcommand]  # type: ignore[attr-defined]  # a subcommand is one of a group
    return command


def options_of(action: Action) -> list[click.Option]:
    """The options that are inputs, in the command's own order.

    What the runner itself says (`GITHUB_ACTOR`) is no input: a step cannot set such a variable.
    """
    command = command_of(action)
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    by_variable = {
        option.name for option in options if option.envvar and option.name in _target_names()
    } - TARGET_INPUTS
    of_the_runner = {option.name for option in options if str(option.envvar).startswith("GITHUB_")}
    return [option for option in options if option.name not in FOR_PEOPLE | by_variable | of_the_runner]


def input_name(option: click.Option) -> str:
    """The option's own word, without dashes in front."""
    return max(option.opts, key=len).lstrip("-")


def action_text(action: Action) -> str:
    """One action.yml."""
    words = [action.name, *([action.subcommand] if action.subcommand else [])]
    options = options_of(action)
    lines = [
        f"# Written by tools/write_actions.py from `chamiperf {' '.join(words)}`; change its options, and `make docs`.",
        f"name: chamiperf {action.name}",
        f"description: {_quoted(action.summary)}",
        "inputs:",
    ]
    for option in options:
        lines += [f"  {input_name(option)}:", f"    description: {_quoted(_described(option))}"]
        if option.required:
            lines.append("    required: true")
        else:
            lines.append('    default: ""')
    if action.writes:
        lines += ["  token:", f"    description: {_quoted(WRITES_AS)}", '    default: ""']
    lines.append("outputs:")
    for name, text in {"exit-code": EXIT_CODE, **action.outputs}.items():
        value = "${{ steps.run.outputs." + name + " }}"
        lines += [f"  {name}:", f"    description: {_quoted(text)}", f"    value: {value}"]
    lines += [
        "runs:",
        "  using: composite",
        "  steps:",
        "    - id: run",
        "      shell: bash",
        "      env:",
        f'        CHAMIPERF_ACTION_VERSION: "{__version__}"',
    ]
    for option in options:
        variable, value = _environment(action, words, option)
        lines.append(f"        {variable}: {value}")
    if action.writes:
        lines.append("        GITHUB_TOKEN: ${{ inputs.token || github.token }}")
    lines.append(f"      run: exec chamiperf {' '.join(words)}")
    return "\n".join(lines) + "\n"


def _environment(action: Action, words: list[str], option: click.Option) -> tuple[str, str]:
    """The variable that carries an input, and the expression it is filled with.

    An option with a variable of its own keeps what the job's `env:` says when the input is not given.
    """
    name = input_name(option)
    if isinstance(option.envvar, str):
        variable, value = option.envvar, f"${{{{ inputs.{name} || env.{option.envvar} }}}}"
    else:
        variable = "_".join(["CHAMIPERF_IN", *words, option.name]).upper().replace("-", "_")
        value = f"${{{{ inputs.{name} }}}}"
    return variable, action.values.get(option.name, value)


def _described(option: click.Option) -> str:
    """The option's help with its default, its allowed values and how several are given."""
    text, _, told = (option.help or "").partition("  [default:")
    text = text.strip().rstrip(".").replace("; repeatable", "")
    parts = [f"{text[:1].upper()}{text[1:]}."]
    if isinstance(option.type, click.Choice):
        parts.append(f"One of: {', '.join(option.type.choices)}.")
    if isinstance(option.type, Duration) and "such as" not in text:
        parts.append("A duration, such as 90s or 2m.")
    if option.is_flag:
        parts.append("true or false.")
    if option.multiple:
        separator = "colons" if isinstance(option.type, click.Path) else "blanks"
        parts.append(f"Several are separated by {separator}.")
    if isinstance(option.type, (click.IntRange, click.FloatRange)):
        parts.append(f"Range: {option.type._describe_range()}.")  # noqa: SLF001 - as click's own help says it
    default = option.get_default(click.Context(click.Command("none")), call=False)
    if not option.required and default not in (None, (), "") and not _unset(default):
        parts.append(f"Default: {_shown(default)}.")
    elif told:
        parts.append(f"Default: {told.strip().removesuffix(']')}.")
    return " ".join(parts)


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _unset(default: object) -> bool:
    return type(default).__name__ == "Sentinel" or str(default).startswith("Sentinel")


def _target_names() -> frozenset[str]:
    """The options that every command with a target has."""
    wait = importlib.import_module("chamiperf_ci.commands.wait").wait
    return frozenset(option.name for option in wait.params if option.name not in {"timeout", None})


def _quoted(text: str) -> str:
    """A YAML scalar; JSON's strings are YAML's."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
