"""The door: runs a command and turns every way it can end into one line and one exit code."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from chamiperf_ci.adapters import actions
from chamiperf_ci.errors import ExitCode, ToolkitError


def run(command: click.Command, arguments: Sequence[str] | None = None, *, prog_name: str | None = None) -> None:
    """Run a click command and exit: with the code that it returns, or with the code of what went wrong.

    A command returns an ExitCode (or None for 0). Python and click would end an uncaught exception and Ctrl-C with 1,
    which here means that a verdict says no; so both are turned into their own codes.

    Raises:
        SystemExit: Always.
    """
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
        _say(str(error))
        code = error.exit_code
    except (BrokenPipeError, SystemExit):
        # The reader went away (`| head`); click ends that with SystemExit(1). The result was not delivered, so it is
        # neither a pass nor a verdict. A second flush at exit would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.INVALID
    except Exception as error:  # noqa: BLE001 - the last line of defence: one line and a log file, never a traceback
        _say(f"internal error: {type(error).__name__}: {error} ({_write_log()}). Please report it with that file.")
        code = ExitCode.INTERNAL
    else:
        code = int(result) if isinstance(result, int) else ExitCode.OK
    _publish(int(code))
    raise SystemExit(int(code))


def _publish(code: int) -> None:
    """Give the step the output `exit-code`, so that a workflow can go on and let one last step decide."""
    try:
        actions.publish({"exit-code": code})
    except OSError as error:
        _say(f"the step's outputs cannot be written: {error.strerror} (GITHUB_OUTPUT). Free the runner's disk.")


def _say(message: str) -> None:
    """One line on standard error; in GitHub Actions also as an error annotation and in the job summary."""
    line = actions.harmless(message)
    click.echo(f"chamiperf: {line}", err=True)
    actions.annotate([actions.Annotation(actions.Level.ERROR, "chamiperf", line)])
    _summarise(line)


def _summarise(message: str) -> None:
    """What went wrong and what to do, in the job summary; a disk that is full costs the summary, not the message."""
    if not os.environ.get("GITHUB_STEP_SUMMARY"):
        return
    from chamiperf_ci.render import escaping  # noqa: PLC0415 - needed only in a workflow
    from chamiperf_ci.steps.published import published  # noqa: PLC0415 - as above

    with contextlib.suppress(OSError, ToolkitError):
        actions.append_summary(f"### chamiperf stopped\n\n{escaping.markdown(published(message))}\n")


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
