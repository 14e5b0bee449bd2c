"""The door: runs a command and turns every way it can end into one line and one exit code."""

import contextlib
import errno
import io
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from chamiperf_ci.adapters import actions
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
    said = ""
    try:
        result = command.main(
            args=None if arguments is None else list(arguments), prog_name=prog_name, standalone_mode=False
        )
        # Written here, so that a closed pipe or a full disk behind standard output is met inside this try.
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        _summarise(error.format_message())
        code = ExitCode.CONFIGURATION
    except (click.exceptions.Abort, KeyboardInterrupt):
        _say("interrupted before anything was measured (Ctrl-C). Run the command again.")
        code = ExitCode.INVALID
    except ToolkitError as error:
        said = str(error)
        _say(said)
        code = error.exit_code
    except (BrokenPipeError, SystemExit):
        # The reader went away (`| head`); click ends that with SystemExit(1). The result was not delivered, so it is
        # neither a pass nor a verdict.
        _abandon_output()
        code = ExitCode.INVALID
    except Exception as error:  # noqa: BLE001 - the last line of defence: one line and a log file, never a traceback
        if isinstance(error, OSError) and error.errno in _NOT_WRITABLE:
            _say(str(_not_writable(error)))
            _abandon_output()
            code = ExitCode.CONFIGURATION
        else:
            _say(f"internal error: {type(error).__name__}: {error} ({_write_log()}). Please report it with that file.")
            code = ExitCode.INTERNAL
    else:
        code = int(result) if isinstance(result, int) else ExitCode.OK
    _publish(int(code), said)
    raise SystemExit(int(code))


def _publish(code: int, said: str) -> None:
    """Give the step the output `exit-code`, so that a workflow can go on and let one last step decide."""
    try:
        actions.publish({"exit-code": code})
    except ToolkitError as error:
        if str(error) != said:
            _say(str(error))


def _not_writable(error: OSError) -> ConfigurationError:
    """What a disk that is full or read-only means where no adapter has said it in its own words."""
    return ConfigurationError(
        f"a file cannot be written or read: {error.strerror}",
        where=str(error.filename or "standard output, or a temporary file"),
        remedy="Free some room, or give a folder with rights to it.",
    )


def _abandon_output() -> None:
    """Let what standard output still holds go nowhere: Python's flush at exit would complain again."""
    with contextlib.suppress(io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str) -> None:
    """One line on standard error; in GitHub Actions also as an error annotation and in the job summary."""
    line = actions.harmless(message)
    click.echo(f"chamiperf: {line}", err=True)
    if actions.inside():
        actions.annotate([actions.Annotation(actions.Level.ERROR, "chamiperf", _published(line))])
    _summarise(line)


def _summarise(message: str) -> None:
    """What went wrong and what to do, in the job summary; a disk that is full costs the summary, not the message."""
    if not os.environ.get("GITHUB_STEP_SUMMARY"):
        return
    from chamiperf_ci.render import escaping  # noqa: PLC0415 - needed only in a workflow

    with contextlib.suppress(ToolkitError):
        actions.append_summary(f"### chamiperf stopped\n\n{escaping.markdown(_published(message))}\n")


def _published(message: str) -> str:
    """The message without hosts, also where nobody can tell whether they are to be shown."""
    from chamiperf_ci.steps.published import published  # noqa: PLC0415 - needed only in a workflow

    try:
        return published(message)
    except ToolkitError:
        return published(message, variables={})


def _write_log() -> str:
    """Write the traceback to a file of its own and name it; a full disk costs the log, not the message."""
    import traceback  # noqa: PLC0415 - needed only when something of ours is broken

    try:
        handle, name = tempfile.mkstemp(prefix="chamiperf-error-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        return str(Path(name))
    except OSError:
        return "no log file could be written"
