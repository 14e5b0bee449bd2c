"""The command `chamiperf`: commands imported on use, and every way to end turned into one line and one exit code."""

import contextlib
import copy
import errno
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import click

from chamiperf_ci import __version__
from chamiperf_ci.adapters import console
from chamiperf_ci.errors import ConfigurationError, ExitCode, ToolkitError

_NOT_WRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})
"""What the system says where a user's disk or folder is the cause, and no fault of ours."""


def run(command: click.Command, arguments: Sequence[str] | None = None, *, prog_name: str | None = None) -> None:
    """Run a click command and exit: with the code that it returns, or with the code of what went wrong.

    A command returns an ExitCode (or None for 0). Python and click would end an uncaught exception and Ctrl-C with 1,
    which here means that a verdict says no; so both are turned into their own codes.

    Raises:
        SystemExit: Always.
    """
    said, words = "", sys.argv[1:] if arguments is None else list(arguments)
    asked = words if command is cli else [command.name or "", *words]
    _keep_streams()
    _read_strictly(command)
    try:
        result = command.main(args=words, prog_name=prog_name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        _summarise(error.format_message())
        code = ExitCode.CONFIGURATION
    except (click.exceptions.Abort, KeyboardInterrupt):
        _print_error("interrupted before anything was measured (Ctrl-C). Run the command again.")
        code = ExitCode.INVALID
    except ToolkitError as error:
        said = str(error)
        _print_error(said)
        code = error.exit_code
    except (BrokenPipeError, SystemExit):
        # A pipe of somebody else's: those of standard output and error are skipped (`_BrokenPipeStream`).
        code = ExitCode.INVALID
    except Exception as error:  # noqa: BLE001 - the last line of defence: one line and a log file, never a traceback
        code = _end_of(error)
    else:
        code = ExitCode(result) if isinstance(result, int) else ExitCode.OK
    code = _printed(code, asked)
    _publish(int(code), said)
    raise SystemExit(int(code))


def _end_of(error: Exception) -> ExitCode:
    """Say in one line what no adapter has said in its own words; the code it ends in."""
    if isinstance(error, OSError) and (error.errno in _NOT_WRITABLE or error.filename is not None):
        _print_error(str(_not_writable(error)))
        return ExitCode.CONFIGURATION
    if isinstance(error, UnicodeError):
        _print_error(f"a text or a name cannot be written: {error}. Give it in UTF-8.")
        return ExitCode.CONFIGURATION
    if isinstance(error, MemoryError):
        _print_error("there is not enough memory for what was given. Use a larger machine, or give less.")
        return ExitCode.INVALID
    _print_error(f"internal error: {type(error).__name__}: {error} ({_write_log()}). Please report it with that file.")
    return ExitCode.INTERNAL


class _BrokenPipeStream:
    """A standard stream that may stop taking text: what a command found is in its files, and in its exit code.

    A reader goes away (`| head`, `>&-`), a disk or a file's limit is full, a terminal is closed. What does not arrive
    is dropped, so that nothing else is lost with it. Characters that the stream's encoding lacks become escapes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = ""
        """What the system said when text was dropped that somebody may have waited for; empty if a reader went away."""

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._discard_output(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._discard_output(error)

    def _discard_output(self, error: OSError) -> None:
        """Let this and what follows go nowhere, also what Python writes when it ends."""
        if not isinstance(error, BrokenPipeError):
            self.lost = error.strerror or str(error)
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stream, name)


def _keep_streams() -> None:
    """Let a command run to its end whatever became of the standard streams; not where somebody has put others."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Else the next file that is opened would be taken for a standard stream.
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - kept open
        elif stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            # A slow reader of a pipe that does not wait (Node's are) would lose text.
            with contextlib.suppress(OSError):
                os.set_blocking(stream.fileno(), True)
            setattr(sys, name, _BrokenPipeStream(stream))


def _printed(code: ExitCode, asked: Sequence[str]) -> ExitCode:
    """The exit code, once standard output has taken what it takes; 2 where what it lost was all that was asked for."""
    sys.stdout.flush()
    lost = sys.stdout.lost if isinstance(sys.stdout, _BrokenPipeStream) else ""
    if not lost:
        return code
    click.echo(f"chamiperf: standard output cannot be written whole: {lost}. Free some room there.", err=True)
    only_prints = not _ONLY_PRINT.isdisjoint((*asked, " ".join(asked[:2])))
    return code or (ExitCode.CONFIGURATION if only_prints else ExitCode.OK)


def _publish(code: int, said: str) -> None:
    """Give the step the output `exit-code`, so that a workflow can go on and let one last step decide."""
    try:
        console.publish({"exit-code": code})
    except ToolkitError as error:
        if str(error) != said:
            _print_error(str(error))


def _not_writable(error: OSError) -> ConfigurationError:
    """What a disk that is full or read-only means where no adapter has said it in its own words."""
    return ConfigurationError(
        f"a file cannot be written or read: {error.strerror}",
        where=str(error.filename or "a temporary file"),
        remedy="Free disk space, or give a writable folder.",
    )


def print_wrapped(text: str, *, err: bool = False) -> None:
    """Print a text; on a terminal, lines that are too long for it are parted between words."""
    from chamiperf_ci.render.text import in_lines, width  # noqa: PLC0415 - keeps `chamiperf --help` fast

    click.echo(in_lines(text, width(sys.stderr if err else sys.stdout)), err=err)


def _print_error(message: str) -> None:
    """One line on standard error; in GitHub Actions also as an error annotation and in the job summary."""
    line = console.harmless(message)
    click.echo(f"chamiperf: {line}", err=True)
    if console.inside():
        console.annotate([console.Annotation(console.AnnotationLevel.ERROR, "chamiperf", _published(line))])
    _summarise(line)


def _summarise(message: str) -> None:
    """What went wrong and what to do, in the job summary; a disk that is full costs the summary, not the message."""
    if not os.environ.get("GITHUB_STEP_SUMMARY"):
        return
    from chamiperf_ci.render.text import markdown  # noqa: PLC0415 - needed only in a workflow

    with contextlib.suppress(ToolkitError):
        console.append_summary(f"### chamiperf stopped\n\n{markdown(_published(message))}\n")


def step_went_well(said: str) -> None:
    """Say in the job summary, in one line, that a step went well: `smoke 22/22`; outside GitHub Actions do nothing.

    Raises:
        ConfigurationError: CHAMIPERF_SHOW_HOSTS is neither true nor false, or a file of the job cannot be written.
    """
    if os.environ.get("GITHUB_STEP_SUMMARY") or os.environ.get("CHAMIPERF_STEP_LINES"):
        from chamiperf_ci.render.text import markdown  # noqa: PLC0415 - needed only in a workflow
        from chamiperf_ci.steps.published import published  # noqa: PLC0415

        console.step_went_well(markdown(published(said)))


def _published(message: str) -> str:
    """The message without hosts, also where nobody can tell whether they are to be shown."""
    from chamiperf_ci.steps.published import published  # noqa: PLC0415 - needed only in a workflow

    try:
        return published(message)
    except ToolkitError:
        return published(message, variables={})


def _write_log() -> str:
    """Write the traceback to a file of its own and name it; a full disk costs the log, not the message."""
    import tempfile  # noqa: PLC0415 - as below
    import traceback  # noqa: PLC0415 - needed only when something of ours is broken

    try:
        handle, name = tempfile.mkstemp(prefix="chamiperf-error-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        return str(Path(name))
    except OSError:
        return "no log file could be written"


_LARGEST = 10**12
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "From nothing to a verdict, on the embedded stack."),
    "init": ("init", "Write the workflows into a repository."),
    "stack": ("stack", "Start, stop and disturb the embedded Chamicore stack."),
    "wait": ("wait", "Wait until the stack is ready."),
    "seed": ("seed", "Create nodes in the stack, or remove them."),
    "smoke": ("smoke", "Check that each service works."),
    "load": ("load", "Load the stack with k6 scenarios."),
    "merge": ("merge", "Merge what several machines measured of a load."),
    "k8s": ("k8s", "Spread a load over a cluster by the k6 operator."),
    "compare": ("compare", "Judge runs against targets and baseline."),
    "confirm": ("confirm", "Repeat suspect scenarios and decide."),
    "report": ("report", "Render a verdict for people."),
    "comment": ("comment", "Post a verdict on its pull request."),
    "update-baseline": ("update_baseline", "Propose or apply a change of baselines.json."),
    "baselines": ("baselines", "Check or start baselines.json."),
    "history": ("history", "Keep and read the nightly runs."),
    "drill": ("drill", "Prove that the gate catches slow-downs."),
    "alert": ("alert", "Open, update and close alerts for a night."),
    "doctor": ("doctor", "Check this machine and the network path to the stack."),
    "lock": ("lock", "Hold or inspect the lock on a shared stack."),
}
"""Command name to its module in `chamiperf_ci.commands` and its one line of help; the function is the module's name."""
_ONLY_PRINT = frozenset(
    {
        *("--help", "-h", "--version", "--dry-run", "report", "doctor", "k8s render", "lock show", "stack status"),
        *("history list", "history show", "history export"),
    }
)
"""What is nothing but what it prints. All else leaves a file or a state, and its exit code is what it found."""


class _ActionBoolean(click.types.BoolParamType):
    """What an action's input may be; click alone would also take `yes`, `1` and `T`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:  # noqa: ANN401
        """The flag; any other word than the two is a mistake in the workflow."""
        if value not in (True, False, "true", "false"):
            self.fail(f"{value!r} is neither true nor false.", param, ctx)
        return value in (True, "true")


def _not_blank(split: Callable[[str], Sequence[str]], fail: Callable[..., Any]) -> Callable[[str], Sequence[str]]:
    """A variable's words, which blanks alone are not: a load of no scenario would end without a word."""

    def several(value: str) -> Sequence[str]:
        words = split(value)
        if not words:
            fail("it is blank. Leave it out, or give a value.")
        return words

    return several


def _bounded_number(convert: Callable[..., Any], fail: Callable[..., Any], noun: str) -> Callable[..., Any]:
    """A number's conversion that refuses what no option of ours can mean, and what later arithmetic would end in."""

    def converted(value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        try:
            number = convert(value, param, ctx)
        except click.BadParameter as error:
            # click names its own types, such as an "integer range".
            if "is not a valid" in error.message:
                fail(f"{str(value)[:40]!r} is not a {noun}.", param, ctx)
            raise
        if not -_LARGEST <= number <= _LARGEST:
            fail(f"{str(value)[:40]!r} is beyond {_LARGEST:,}", param, ctx)
        return number

    return converted


def _read_strictly(command: click.Command) -> None:
    """Take `true` and `false` alone for flags, numbers of usual size, and no list of nothing; once a command."""
    for option in command.params:
        kind = option.type
        if isinstance(kind, click.types.BoolParamType) and not isinstance(kind, _ActionBoolean):
            option.type = _ActionBoolean()
        elif isinstance(kind, click.types.IntParamType | click.types.FloatParamType) and "convert" not in vars(kind):
            # click.INT and click.FLOAT are everybody's.
            option.type = kind = copy.copy(kind)
            noun = "whole number" if isinstance(kind, click.types.IntParamType) else "number"
            vars(kind)["convert"] = _bounded_number(kind.convert, kind.fail, noun)
        if option.multiple and "split_envvar_value" not in vars(option.type):
            option.type = kind = copy.copy(option.type)
            vars(kind)["split_envvar_value"] = _not_blank(kind.split_envvar_value, kind.fail)
    if isinstance(command, click.Group) and not isinstance(command, LazyGroup):
        for each in command.commands.values():
            _read_strictly(each)


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
        _read_strictly(command)
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
    """Did the boot stack get slower, and how sure is that?

    Exit codes: 0 fine; 1 a verdict says no; 2 usage or configuration; 3 the measurement is not valid; 4 an outside
    service failed; 70 internal error.
    """
