"""docs/actions.md, from the text of the action.yml files."""

from collections.abc import Mapping

import yaml

from tools.actions import ACTIONS


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
