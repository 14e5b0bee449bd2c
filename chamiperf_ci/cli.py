"""The command `chamiperf`: a group whose commands are imported when they are called, so that `--help` stays fast."""

import importlib
import os
from typing import Any

import click

from chamiperf_ci import __version__
from chamiperf_ci.errors import ConfigurationError

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "From nothing to a verdict, on the embedded stack."),
    "stack": ("stack", "Start, stop and disturb the embedded Chamicore stack."),
    "wait": ("wait", "Wait until the stack is ready."),
    "seed": ("seed", "Put nodes into the stack, or take them away again."),
    "smoke": ("smoke", "Check that each service works at all."),
    "load": ("load", "Drive scenarios at the stack with k6."),
    "compare": ("compare", "Judge runs against targets and baseline."),
    "confirm": ("confirm", "Measure the suspects again and decide."),
    "report": ("report", "Render a verdict for people."),
    "comment": ("comment", "Post a verdict on its pull request."),
    "update-baseline": ("update_baseline", "Propose or apply a change of baselines.json."),
    "baselines": ("baselines", "Check or start baselines.json."),
    "history": ("history", "Keep and read the nightly runs."),
    "drill": ("drill", "Prove that the gate catches what it should."),
    "alert": ("alert", "Open, update and close alerts for a night."),
    "lock": ("lock", "Hold or inspect the lock on a shared stack."),
}
"""Command name to its module in `chamiperf_ci.commands` and its one line of help; the function is the module's name."""


class _TrueOrFalse(click.types.BoolParamType):
    """What an action's input may be; click alone would also take `yes`, `1` and `T`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:  # noqa: ANN401
        """The flag; any other word than the two is a mistake in the workflow."""
        if value not in (True, False, "true", "false"):
            self.fail(f"{value!r} is neither true nor false.", param, ctx)
        return value in (True, "true")


def _read_flags_strictly(command: click.Command) -> None:
    for option in command.params:
        if isinstance(option.type, click.types.BoolParamType):
            option.type = _TrueOrFalse()
    if isinstance(command, click.Group):
        for each in command.commands.values():
            _read_flags_strictly(each)


class LazyGroup(click.Group):
    """Imports a command's module when the command is looked up."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the pipeline."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command, or None for a name that is not one."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"chamiperf_ci.commands.{module}"), module)
        _read_flags_strictly(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, naming near commands for a misspelt one."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            import difflib  # noqa: PLC0415 - only a misspelt command needs it

            near = difflib.get_close_matches(args[0], COMMANDS, n=3)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"No such command {args[0]!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 120,
        # How the composite actions give an input: `CHAMIPERF_IN_LOAD_PROFILE` is `load --profile`; empty is not given.
        "auto_envvar_prefix": "CHAMIPERF_IN",
    },
)
@click.version_option(__version__, prog_name="chamiperf")
def cli() -> None:
    """Did the Chamicore stack get slower, and can that be believed?

    Exit codes: 0 fine; 1 a verdict says no; 2 usage or configuration; 3 the measurement is not valid; 4 a service
    outside failed; 70 internal error.
    """
    # A composite action says which version it belongs to; `setup` of another one would be a silent mixture.
    wanted = os.environ.get("CHAMIPERF_ACTION_VERSION")
    if wanted and wanted != __version__:
        raise ConfigurationError(
            f"the action is of version {wanted}, the installed chamiperf is {__version__}",
            where="uses:",
            remedy="Give the same version behind the @ of every chamiperf action of the job, `setup` included.",
        )
