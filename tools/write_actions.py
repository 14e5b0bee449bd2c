"""Writes actions/<name>/action.yml from the commands' options, and docs/actions.md from the action.yml files.

An action is a command with its options as inputs: same words, same defaults, nothing of its own. Values reach the
command by environment only (`CHAMIPERF_IN_<COMMAND>_<OPTION>`, read by click): no action has a shell line that quotes.

`python -m tools.write_docs` writes them; a test compares.
"""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click

from chamiperf_ci.cli import COMMANDS
from chamiperf_ci.options import Duration
from tools.actions import ACTIONS, Action
from tools.actions_page import page

ROOT = Path(__file__).resolve().parent.parent

ARGS = "Further options of the command, quoted as in a shell; no secrets. An option given here wins over its input."
WRITES_AS = "Token to write to GitHub with, such as an App's. Default: the job's own."

ORIGIN = {
    "CHAMIPERF_SETUP_REPOSITORY": "${{ github.action_repository }}",
    "CHAMIPERF_SETUP_REF": "${{ github.action_ref }}",
}
"""Variable to the expression that says where the action lies, for messages."""

EXIT_CODE = "0 fine, 1 a verdict says no, 2 usage or configuration, 3 the measurement is not valid, 4 GitHub failed."


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file and its text; the page is made from the action.yml files as they will be."""
    texts = {action.name: action_text(action) for action in ACTIONS}
    for name, text in texts.items():
        yield ROOT / "actions" / name / "action.yml", text
    places = {"": ROOT, "setup": ROOT / "actions" / "setup"}
    by_hand = {name: (place / "action.yml").read_text(encoding="utf-8") for name, place in places.items()}
    yield ROOT / "docs" / "actions.md", page({**by_hand, **texts})


def command_of(action: Action) -> click.Command:
    """The click command behind an action."""
    module, _ = COMMANDS[action.name]
    command: click.Command = getattr(importlib.import_module(f"chamiperf_ci.commands.{module}"), module)
    if action.subcommand:
        command = command.commands[action.subcommand]  # type: ignore[attr-defined]  # a subcommand is one of a group
    return command


def options_of(action: Action) -> list[click.Option]:
    """The options that are inputs, in the order of the table.

    Raises:
        KeyError: The table names an option that the command does not have.
    """
    options = {input_name(option): option for option in command_of(action).params if isinstance(option, click.Option)}
    return [options[name] for name in action.inputs]


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
        "author: chamiperf-ci",
        "branding:",
        "  icon: activity",
        "  color: blue",
        "inputs:",
    ]
    for option in options:
        lines += [f"  {input_name(option)}:", f"    description: {_quoted(_described(option))}"]
        lines.append("    required: true" if option.required else f"    default: {_quoted(_default(option))}")
    lines += ["  args:", f"    description: {_quoted(ARGS)}", '    default: ""']
    if action.writes:
        lines += ["  token:", f"    description: {_quoted(WRITES_AS)}", "    default: ${{ github.token }}"]
    lines.append("outputs:")
    for name, text in {"exit-code": EXIT_CODE, **action.outputs}.items():
        value = "${{ steps.run.outputs." + name + " }}"
        lines += [f"  {name}:", f"    description: {_quoted(text)}", f"    value: {value}"]
    lines += ["runs:", "  using: composite", "  steps:", "    - id: run", "      shell: bash", "      env:"]
    lines += [f"        {variable}: {value}" for variable, value in ORIGIN.items()]
    for option in options:
        variable, value = _environment(action, words, option)
        lines.append(f"        {variable}: {value}")
    lines.append("        CHAMIPERF_ACTION_ARGS: ${{ inputs.args }}")
    if action.writes:
        lines.append("        GITHUB_TOKEN: ${{ inputs.token || github.token }}")
    lines.append(f'      run: exec bash "$GITHUB_ACTION_PATH/../run" run {" ".join(words)}')
    return "\n".join(lines) + "\n"


def _environment(action: Action, words: list[str], option: click.Option) -> tuple[str, str]:
    """The variable that carries an input, and the expression it is filled with.

    An option with a variable of its own keeps what the job's `env:` says when the input is not given.
    """
    name = input_name(option)
    if isinstance(option.envvar, str):
        # At its default, an input leaves the word to the job's variable.
        default = _default(option)
        chosen = f"inputs.{name} != '{default}' && inputs.{name}" if default else f"inputs.{name}"
        variable, value = (
            option.envvar,
            f"${{{{ {chosen} || env.{option.envvar}{' || inputs.' + name if default else ''} }}}}",
        )
    else:
        variable = "_".join(["CHAMIPERF_IN", *words, option.name]).upper().replace("-", "_")
        value = f"${{{{ inputs.{name} }}}}"
    return variable, action.values.get(option.name, value)


def _default(option: click.Option) -> str:
    """The command's own default, as the input's; empty where the command decides by what it finds."""
    default = option.get_default(click.Context(click.Command("none")), call=False)
    if default is None or default == () or type(default).__name__ == "Sentinel":
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _described(option: click.Option) -> str:
    """The option's help in the words of an input: what it takes, how several are given, what empty means."""
    text, _, told = (option.help or "").partition("  [default:")
    text = re.sub(r"\s*\[[A-Z_]+\]", "", text).strip().rstrip(".").replace("; repeatable", "")
    text = _as_inputs(text)
    parts = [f"{text[:1].upper()}{text[1:]}."]
    if isinstance(option.type, click.Choice):
        parts.append(f"One of: {', '.join(option.type.choices)}.")
    if isinstance(option.type, Duration) and "such as" not in text and not _default(option):
        parts.append("A duration, such as 90s or 2m.")
    if option.is_flag:
        parts.append("true or false.")
    if option.multiple:
        separator = "colons" if isinstance(option.type, click.Path) else "blanks"
        parts.append(f"Several are separated by {separator}.")
    if isinstance(option.type, (click.IntRange, click.FloatRange)):
        parts.append(_range(option.type))
    if told and not _default(option):
        parts.append(f"Empty: {_as_inputs(told.strip().removesuffix(']'))}.")
    return " ".join(parts)


def _as_inputs(text: str) -> str:
    """Options of the command line in the words of a workflow; what is quoted stays a command line."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"--([a-z][a-z0-9-]*)", r"`\1`", part) for part in parts[::2]]
    return "`".join(parts)


def _range(allowed: click.IntRange | click.FloatRange) -> str:
    """What numbers are allowed, in words."""
    if allowed.min is not None and allowed.max is not None:
        return f"From {allowed.min} to {allowed.max}."
    if allowed.min is not None:
        return f"More than {allowed.min}." if allowed.min_open else f"{allowed.min} or more."
    return f"Up to {allowed.max}."


def _quoted(text: str) -> str:
    """A YAML scalar; JSON's strings are YAML's."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
