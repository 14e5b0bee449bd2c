"""What a user can type: every command's options, defaults, variables and types, as they were recorded.

The order and the layout of the help are not recorded. `UPDATE_GOLDEN=1` writes the recording anew.
"""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import click
import golden

from chamiperf_ci.cli import cli

RECORDED = Path(__file__).parent / "golden" / "options.txt"


def test_every_command_takes_what_it_took():
    golden.check(RECORDED, "\n".join(_described(cli, click.Context(cli, info_name="chamiperf", **settings(cli)))))


def settings(command: click.Command) -> dict[str, Any]:
    """What the command hands to its context, the prefix of the variables for one."""
    return command.context_settings


def _described(command: click.Command, context: click.Context) -> Iterator[str]:
    """A command with a line an option, then the commands below it."""
    if isinstance(command, click.Group):
        names = sorted(command.list_commands(context))
        yield f"{context.command_path}: group of {', '.join(names)}"
    else:
        names = []
        yield f"{context.command_path}: {'has a help text' if command.help else 'NO HELP TEXT'}"
    yield from sorted(f"  {_option(param, context)}" for param in command.params)
    yield ""
    for name in names:
        child = command.get_command(context, name) if isinstance(command, click.Group) else None
        assert child is not None, name
        yield from _described(child, click.Context(child, info_name=name, parent=context))


def _option(param: click.Parameter, context: click.Context) -> str:
    """An option in one line; what is as usual is left out."""
    assert param.name is not None
    option = isinstance(param, click.Option)
    facts = {
        "type": _type(param.type),
        "default": _value(param.to_info_dict()["default"]),
        "variable": param.envvar,
        "input": f"{context.auto_envvar_prefix}_{param.name.upper()}" if option else None,
        "flag": option and param.is_flag,
        "repeatable": param.multiple or param.nargs != 1,
        "required": param.required,
        "hidden": option and param.hidden,
        "without-help": option and not param.help,
    }
    spelt = " ".join([*sorted(param.opts, key=len), *(f"/ {each}" for each in param.secondary_opts)])
    said = [
        name if fact is True else f"{name}={fact}"
        for name, fact in facts.items()
        if fact is not None and fact is not False
    ]
    return " ".join([spelt, *said])


def _type(kind: click.ParamType) -> str:
    """The type with what limits it."""
    if isinstance(kind, click.Choice):
        return f"choice({'|'.join(map(str, kind.choices))})"
    if isinstance(kind, click.IntRange | click.FloatRange):
        low, high = ("<" if kind.min_open else "<="), ("<" if kind.max_open else "<=")
        return f"{kind.name}({'' if kind.min is None else kind.min}{low}x{high}{'' if kind.max is None else kind.max})"
    if isinstance(kind, click.Path):
        limits = {"exists": kind.exists, "no-folder": not kind.dir_okay, "no-file": not kind.file_okay}
        return f"path({','.join(name for name, holds in limits.items() if holds)})"
    return str(kind.name).replace(" ", "-")


def _value(default: object) -> object:
    """The default as a user would write it; none is None."""
    if callable(default):
        return "computed"
    if isinstance(default, list | tuple):
        return ",".join(str(_value(each)) for each in default)
    return default.value if isinstance(default, Enum) else default
