"""docs/actions.md, from the text of the action.yml files."""

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
    """docs/actions.md, from the action.yml files alone; a name of "" is the action at the root."""
    lines = [_HEAD]
    for name, text in texts.items():
        described = yaml.safe_load(text)
        lines += [f"## {name or 'The whole chain'}", "", described["description"], ""]
        permissions = _PERMISSIONS[name]
        if permissions != "none":
            lines += [f"Permissions: {permissions}.", ""]
        inputs = [_input(word, about) for word, about in described["inputs"].items() if word not in SAID_ONCE]
        outputs = [
            f"- `{word}`: {about['description']}"
            for word, about in described["outputs"].items()
            if word not in SAID_ONCE
        ]
        lines += [*inputs, ""]
        lines += ["Outputs:", "", *outputs, ""] if outputs else []
    return "\n".join(lines).rstrip() + "\n"


def _input(word: str, about: Mapping[str, Any]) -> str:
    default = str(about.get("default", "")).lower() if isinstance(about.get("default"), bool) else about.get("default")
    said = "required" if about.get("required") else f"`{default}`" if default else ""
    meaning = (
        about["description"].removesuffix(" true or false.") if default in ("true", "false") else about["description"]
    )
    return f"- `{word}`{f' ({said})' if said else ''}: {meaning}"


_HEAD = """# Actions

Generated from the `action.yml` files by `make docs`. A value in parentheses is the input's default.

Each action is one command of `chamiperf`, and works alone: the first one of a job installs the toolkit from its own
commit, hash by hash, and puts `chamiperf` on the path. All actions of a job must come from the same commit. The action
`setup` does the same ahead of time, checks the runner, and keeps the downloaded packages between runs.

What all have in common:

- `args`: further options of the command, quoted as in a shell, such as `args: --spike-vus 200 --pace 50ms`;
  `chamiperf load --help` lists them. Never put a secret here.
- `config` (`chamiperf.toml`): the file with named targets and allowed hosts.
- `out` (`out`): the folder through which the steps of a job hand files to each other.
- `project-url`: where people read this toolkit's files; by default, where the action lies.
- `token`: of actions that write to GitHub; the job's own by default.
- The output `exit-code`, also after a failure: 0 fine, 1 a verdict says no, 2 usage or configuration, 3 the measurement
  is not valid, 4 an outside service failed. With `continue-on-error: true`, a job can let its last step decide.

Addresses and credentials of the stack are variables under the job's `env:`, never inputs: see
[your stack](your-stack.md). `CHAMIPERF_TARGET`, `CHAMIPERF_OUT` and the like also apply where an input is left at its
default.
"""
