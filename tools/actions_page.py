"""docs/actions.md, from the text of the action.yml files."""

import re
from collections import Counter
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

    What several actions share, with the same default and meaning, is described once, at the end.
    """
    described = {name: yaml.safe_load(text) for name, text in texts.items()}
    inputs = {name: _entries(about["inputs"]) for name, about in described.items()}
    outputs = {name: _entries(about["outputs"]) for name, about in described.items()}
    shared = {
        entry
        for of in (inputs, outputs)
        for entry, times in Counter(entry for entries in of.values() for entry in entries.values()).items()
        if times > 1
    }
    lines = [_HEAD]
    for name, about in described.items():
        lines += [f"## {name or 'The whole chain'}", "", about["description"], ""]
        if _PERMISSIONS[name] != "none":
            lines += [f"Permissions: {_PERMISSIONS[name]}.", ""]
        for what, entries in (("Inputs", inputs[name]), ("Outputs", outputs[name])):
            elsewhere = {word for word, entry in entries.items() if entry in shared or _says_nothing_new(entry)}
            own = [f"- {entry}" for word, entry in entries.items() if word not in elsewhere]
            also = ", ".join(f"`{word}`" for word in entries if word in elsewhere)
            lines += [f"{what}:", "", *own, ""] if own else []
            lines += [f"Also {also}." if own else f"{what}: {also}.", ""] if also else []
    lines += ["## Shared", "", *(f"- {entry}" for entry in sorted(shared) if not _says_nothing_new(entry))]
    return "\n".join(lines) + "\n"


def _says_nothing_new(line: str) -> bool:
    """Whether an output's name says what it is, such as `report-path` or `opened`."""
    return re.search(r": (Path of|Address of|Its address|How many|Number of|Folder with one)", line) is not None


def _entries(about: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Word to its line, without what the head of the page says."""
    return {word: _line(word, text) for word, text in about.items() if word not in SAID_ONCE}


def _line(word: str, about: Mapping[str, Any]) -> str:
    """What it is; what follows the first part of the description stands in the action's own file."""
    default = str(about.get("default", "")).lower() if isinstance(about.get("default"), bool) else about.get("default")
    said = "required" if about.get("required") else f"`{default}`" if default else ""
    meaning = re.split(r"[.;] ", about["description"].removesuffix(" true or false."))[0].removesuffix(".")
    return f"`{word}`{f' ({said})' if said else ''}: {meaning}."


_HEAD = """# Actions

You look up the inputs and outputs of each action. Generated from the `action.yml` files by `make docs`; a value in
parentheses is the default.

Each action is one command of `chamiperf` and works alone: the first one in a job installs the toolkit from its own
commit. All actions of a job must come from the same commit. Every action has:

- `args`: more options of the command, quoted as in a shell, such as `args: --spike-vus 200`. No secrets.
- `config` (`chamiperf.toml`) and `out` (`out`): the file with the targets, and the folder through which steps hand on
  files.
- `token`, where it writes to GitHub: the job's own by default.
- The output [`exit-code`](exit-codes.md), also after a failure.

What several actions share is described [at the end](#shared), and each `action.yml` describes everything.

Addresses and credentials of the stack are variables under the job's `env:` ([your stack](your-stack.md)), never inputs.
"""
