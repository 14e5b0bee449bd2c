"""docs/actions.md, from the text of the action.yml files."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tools.actions import ACTIONS

SAID_ONCE = frozenset({"args", "token", "exit-code", "config", "out", "project-url"})
"""Inputs and outputs that the head of the page describes."""

_PERMISSIONS = {
    "": "`pull-requests: write` with `comment: true`, else none",
    "setup": "none",
    **{action.name: action.permissions for action in ACTIONS},
}


def page(texts: Mapping[str, str]) -> str:
    """docs/actions.md, from the action.yml files alone; a name of "" is the action at the root.

    Inputs of the root action are described. Those of the others are options of a command, described in its help and in
    the linked action.yml; the page lists them with their defaults.
    """
    lines = [_HEAD]
    for name, text in texts.items():
        about = yaml.safe_load(text)
        file = f"../actions/{name}/action.yml" if name else "../action.yml"
        lines += [f"## {name or 'The whole chain'}", "", f"{about['description']} [action.yml]({file})", ""]
        inputs = {word: each for word, each in about["inputs"].items() if word not in SAID_ONCE}
        if name in ("", "setup"):
            lines += [*(f"- `{word}`{_default(each)}: {_meaning(each)}." for word, each in inputs.items()), ""]
        else:
            lines.append(f"- Inputs: {', '.join(f'`{word}`{_default(each)}' for word, each in inputs.items())}.")
        outputs = [_output(word, each) for word, each in about["outputs"].items() if word not in SAID_ONCE]
        if outputs:
            lines.append(f"- Outputs: {', '.join(outputs)}.")
        if _PERMISSIONS[name] != "none":
            lines.append(f"- Permissions: {_PERMISSIONS[name]}.")
        lines += [] if lines[-1] == "" else [""]
    return "\n".join([*lines, _END])


def _output(word: str, about: Mapping[str, Any]) -> str:
    """Its name, and its meaning where the name does not say it, as `report-path`, `opened` and `verdict` do."""
    obvious = re.match(
        "Path of|Address of|Its address|How many|Number of|Folder with one|The verdict|Version of|Scenarios that",
        about["description"],
    )
    return f"`{word}`" if obvious else f"`{word}` ({_meaning(about)})"


def _default(about: Mapping[str, Any]) -> str:
    """The input's default, without that of a flag, or that a workflow must give it."""
    default = str(about.get("default") or "").removeprefix("false")
    return " (required)" if about.get("required") else f" (`{default}`)" if default else ""


def _meaning(about: Mapping[str, Any]) -> str:
    """The first part of the description; the rest stands in the action's own file."""
    meaning: str = re.split(r"[.;] ", about["description"].removesuffix(" true or false."))[0]
    meaning = meaning.removesuffix(".")
    return f"{meaning[:1].lower()}{meaning[1:]}" if meaning[1:2].islower() or meaning[1:2] == " " else meaning


_HEAD = """# Actions

You look up the inputs and outputs of each action.

<!-- Written by `make docs` from the action.yml files; do not edit. -->

Each action is one command of `chamiperf` and works alone: the first one in a job installs the toolkit from its own
commit, the same for all actions of the job. An input is the option of that name, with its default in parentheses
(flags: `false`); `chamiperf COMMAND --help` and the linked `action.yml` describe it. Every action has:

- `args`: more options, quoted as in a shell, such as `args: --spike-vus 200`. No secrets.
- `config` (`chamiperf.toml`) and `out` (`out`): the file with the targets, the folder for what steps pass on.
- `token`, if it writes to GitHub: by default the job's own.
- The output [`exit-code`](exit-codes.md), also after a failure.

Addresses and credentials of the stack are variables under the job's `env:` ([your stack](your-stack.md)), never inputs.
"""
_END = """You can now write any step; [workflows on GitHub](github.md) has whole jobs.
"""
