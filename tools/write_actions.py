"""Writes actions/<name>/action.yml from the commands' options, and docs/actions.md from the action.yml files.

An action is a command with its options as inputs: same words, same defaults, nothing of its own. Values reach the
command by environment only (`CHAMIPERF_IN_<COMMAND>_<OPTION>`, read by click): no action has a shell line that quotes.

`python -m tools.write_docs` writes them; a test compares.
"""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click
import yaml

from chamiperf_ci import __version__
from chamiperf_ci.cli import COMMANDS
from chamiperf_ci.options import Duration

ROOT = Path(__file__).resolve().parent.parent

FOR_PEOPLE = frozenset({"form", "shape"})
"""Options that change only what a terminal shows."""

TARGET_INPUTS = frozenset({"target", "config", "environment"})
"""Of the options that name a target, those that are inputs. The others come by variable: addresses and credentials are
the same for every step of a job, and a secret is no input."""

WRITES_AS = "Token to write to GitHub with, such as an App's. Default: the job's own."

EXIT_CODE = "0 fine, 1 a verdict says no, 2 usage or configuration, 3 the measurement is not valid, 4 GitHub failed."


@dataclass(frozen=True)
class Action:
    """What of an action does not follow from its command."""

    name: str
    summary: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Output to its description; the command publishes them."""
    permissions: str = "none"
    """What the job's token must be allowed, as a person writes it."""
    subcommand: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    """Option to the expression that gives it, where that is not just the input."""

    @property
    def writes(self) -> bool:
        """Whether it writes to GitHub, and so needs a token."""
        return "write" in self.permissions


ACTIONS = (
    Action(
        "stack",
        "Start the embedded stack: a stand-in for Chamicore on loopback, for a repository that has none to drive.",
        subcommand="up",
        # Printed, the variables would put the stack's token into the log.
        values={"env_file": "${{ inputs.env-file || format('{0}/chamiperf-stack.env', runner.temp) }}"},
    ),
    Action("wait", "Wait until every service of the stack is ready."),
    Action(
        "seed",
        "Put nodes into the stack through its own API, or take them away again.",
        outputs={"seed-path": "Path of seed.json, which says what is in the stack."},
    ),
    Action(
        "smoke",
        "Check that each service works at all; red where one does not.",
        outputs={"smoke-path": "Path of smoke.json."},
    ),
    Action(
        "load",
        "Drive scenarios at the stack with k6.",
        outputs={"runs-path": "Folder with one JSON file for each run."},
    ),
    Action(
        "compare",
        "Judge runs against targets and baseline.",
        outputs={
            "verdict": "The verdict in a word or two, such as `pass`, `regression` or `target missed`.",
            "regressions": "How many rows are regressions.",
            "targets-missed": "How many targets were missed.",
            "suspect-scenarios": "Scenarios that deserve to be measured again by `confirm`, separated by blanks.",
            "verdict-path": "Path of verdict.json.",
        },
    ),
    Action(
        "confirm",
        "Measure the suspects again and decide.",
        outputs={
            "verdict": "The verdict in a word or two, such as `pass`, `regression` or `target missed`.",
            "regressions": "How many rows are regressions.",
            "targets-missed": "How many targets were missed.",
            "suspect-scenarios": "Scenarios that would still deserve it, separated by blanks.",
            "verdict-path": "Path of verdict.json.",
        },
    ),
    Action(
        "baselines",
        "Check baselines.json: gates weakened, runs edited by hand, metrics without a gate.",
        subcommand="check",
        outputs={
            "broken": "How many findings must be put right; above 0 the exit code is 1.",
            "weaker": "How many gates are weaker than in `base`; a warning each.",
        },
    ),
    Action(
        "drill",
        "Prove that the gate catches what it should, on this set-up.",
        outputs={
            "drill": "`proved`, `not proved` or `too few runs`.",
            "drill-path": "Path of drill.json.",
        },
    ),
    Action(
        "report",
        "Render a verdict: job summary, annotations, HTML and JUnit XML.",
        outputs={
            "summary-path": "Path of summary.md.",
            "report-path": "Path of report.html.",
            "junit-path": "Path of junit.xml.",
        },
    ),
    Action(
        "comment",
        "Post a verdict as one sticky comment on its pull request.",
        outputs={
            "posting": "What became of the comment: `created`, `updated`, `unchanged` or `skipped`.",
            "comment-url": "Address of the comment; empty when skipped.",
            "reason": "Why it was skipped.",
        },
        permissions="`pull-requests: write`; `actions: read` too, to fetch the artifact of another run",
    ),
    Action(
        "alert",
        "Open, update and close alerts for a night, or look whether nights are missing.",
        outputs={
            "opened": "How many issues were opened.",
            "closed": "How many issues were closed.",
            "undelivered": "How many things could not be delivered; above 0 the exit code is 4.",
            "verdict-exit-code": "The night's own exit code, which an alert never replaces; empty without a verdict.",
        },
        permissions="`issues: write`; `actions: read` too, to look at the schedule",
    ),
    Action(
        "update-baseline",
        "Open a pull request that accepts runs into baselines.json; a person merges it.",
        subcommand="pull-request",
        outputs={
            "pull-request": "Number of the pull request.",
            "pull-request-url": "Its address.",
        },
        permissions="`contents: write` and `pull-requests: write`",
    ),
)


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file and its text; the page is made from the action.yml files as they will be."""
    texts = {action.name: action_text(action) for action in ACTIONS}
    for name, text in texts.items():
        yield ROOT / "actions" / name / "action.yml", text
    setup = (ROOT / "actions" / "setup" / "action.yml").read_text(encoding="utf-8")
    yield ROOT / "docs" / "actions.md", page({"setup": setup, **texts})


def command_of(action: Action) -> click.Command:
    """The click command behind an action."""
    module, function = COMMANDS[action.name]
    del function
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


def page(texts: Mapping[str, str]) -> str:
    """docs/actions.md, from the action.yml files alone."""
    lines = [_HEAD]
    for name, text in texts.items():
        described = yaml.safe_load(text)
        lines += [f"## {name}", "", described["description"], ""]
        permissions = next((action.permissions for action in ACTIONS if action.name == name), "none")
        lines += [f"Permissions: {permissions}.", ""]
        lines += ["| input | meaning |", "|---|---|"]
        for word, about in (described.get("inputs") or {}).items():
            required = " Required." if about.get("required") else ""
            lines.append(f"| `{word}` | {_cell(about['description'])}{required} |")
        lines += ["", "| output | meaning |", "|---|---|"]
        lines += [f"| `{word}` | {_cell(about['description'])} |" for word, about in described["outputs"].items()]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


_HEAD = """# Actions

Written by `make docs` from the `action.yml` files; a stale page is red.

Each action is one command of `chamiperf` with its options as inputs, in the same words. An input that is not given, or
is empty, leaves the command's own default. Each action ends with the command's exit code, and says it in the output
`exit-code` also when it fails: with `continue-on-error: true` a job goes on and lets one last step decide.

`setup` comes first in a job: it installs the package from the same commit as the action, and puts `chamiperf` on the
path. All actions of one job must be of one version; a difference is exit code 2.

Addresses and credentials of the stack are variables (`env:` of the job), so that no secret is an input:
`CHAMICORE_TEST_<SERVICE>_URL`, `CHAMIPERF_GATEWAY_URL`, `CHAMIPERF_KEA_URL`, `CHAMIPERF_PROMETHEUS_URL`,
`CHAMICORE_INTERNAL_TOKEN`, `CHAMICORE_TOKEN`, `CHAMIPERF_CLIENT_ID` and `CHAMIPERF_CLIENT_SECRET`. The rest is named by
`chamiperf load --help`.
"""
