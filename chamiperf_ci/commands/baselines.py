"""`chamiperf baselines`: check the file, begin one, import Chamicore's targets."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from chamiperf_ci.cli import run
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.options import Printed, github, json_option, source_options

_FILE = click.Path(path_type=Path, dir_okay=False)


def _baselines_option(command: click.decorators.FC) -> click.decorators.FC:
    return click.option("--baselines", type=_FILE, default=Path("baselines.json"), show_default=True, help="The file.")(
        command
    )


@click.group()
def baselines() -> None:
    """Check baselines.json, or start one."""


@baselines.command()
@_baselines_option
@json_option(what="the findings as JSON")
@click.option("--base", type=_FILE, help="The file as it was, such as on the branch to merge into.")
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Run file or folder whose metrics must all have a baseline or a written exemption; repeatable.",
)
def check(*, baselines: Path, base: Path | None, runs: tuple[Path, ...], printed: Printed) -> ExitCode:
    """Show a reviewer what changed: gates weakened, runs accepted, removed or edited by hand, metrics without a gate.

    Exit codes: 0 fine, or weakened with a warning; 1 needs a fix; 2 not a valid file.
    """
    from chamiperf_ci.render.baselines import Severity  # noqa: PLC0415 - keeps `chamiperf --help` fast
    from chamiperf_ci.steps.baselines import file  # noqa: PLC0415 - as above

    found = file.check_file(baselines, base=base, places=runs, today=datetime.now(UTC).date())
    printed.hand_over(found)
    return ExitCode.VERDICT_NO if any(one.severity is Severity.BROKEN for one in found) else ExitCode.OK


@baselines.command()
@_baselines_option
@source_options
@json_option(what="the file")
@click.option("--reason", default="first baseline", show_default=True, help="Recorded in the file.")
@click.option("--link", required=True, metavar="URL", help="URL of the page that tracks missed targets.")
@click.option("--who", envvar="GITHUB_ACTOR", help="Who starts it; default: this machine's user. [GITHUB_ACTOR]")
def init(
    *,
    sources: Any,  # noqa: ANN401 - imported on use
    baselines: Path,
    reason: str,
    link: str,
    who: str | None,
    printed: Printed,
) -> ExitCode:
    """Write a first file from the first nights of a new environment, for a person to merge.

    The nights are run files, or a range of the history. Accepts the newest valid runs, up to five a scenario, and
    acknowledges for 90 days the targets that they miss.
    """
    from chamiperf_ci.render.baselines import content  # noqa: PLC0415 - keeps `chamiperf --help` fast
    from chamiperf_ci.steps.baselines import file  # noqa: PLC0415 - as above

    begun = file.init_file(
        baselines,
        sources=sources,
        who=who,
        reason=reason,
        link=link,
        today=datetime.now(UTC).date(),
    )
    printed.hand_over(content(begun))
    return ExitCode.OK


@baselines.command("propose-first")
@_baselines_option
@source_options
@json_option(what="what was proposed as JSON")
@click.option("--who", envvar="GITHUB_ACTOR", help="Who proposes it; default: this machine's user. [GITHUB_ACTOR]")
@click.option("--repository", envvar="GITHUB_REPOSITORY", show_envvar=True, metavar="OWNER/NAME", help="Where.")
def propose_first(
    *,
    sources: Any,  # noqa: ANN401 - imported on use
    baselines: Path,
    who: str | None,
    repository: str | None,
    printed: Printed,
) -> ExitCode:
    """Open a pull request with the first baseline once there are five valid nights; until then, say how many there are.

    For the end of a night. It is opened once; a person merges it. The token is read from GITHUB_TOKEN.
    """
    from chamiperf_ci.adapters import console  # noqa: PLC0415 - keeps `chamiperf --help` fast
    from chamiperf_ci.adapters.github.api import repository_named  # noqa: PLC0415
    from chamiperf_ci.steps.baselines.first import propose_first as propose  # noqa: PLC0415
    from chamiperf_ci.steps.baselines.update import Destination, user_name  # noqa: PLC0415

    repository = repository_named(repository)
    link = (
        "/".join((os.environ.get("GITHUB_SERVER_URL") or "https://github.com", repository, "actions/runs"))
        + f"/{os.environ.get('GITHUB_RUN_ID', '')}"
    )
    done = propose(
        sources,
        baselines,
        Destination(repository, "", "", str(baselines), link),
        github("to open a pull request with"),
        who=who or user_name(),
        today=datetime.now(UTC).date(),
    )
    printed.hand_over(done)
    click.echo(done.sentence)
    console.append_summary(f"### First baseline\n\n{done.sentence}\n\n{done.text}")
    console.publish({"pull-request": done.opened.number if done.opened else ""})
    return ExitCode.OK


@baselines.command("format")
@_baselines_option
@json_option(what="the file")
def format_(*, baselines: Path, printed: Printed) -> ExitCode:
    """Write the file in its layout, one metric a line, so that the next change is a diff a person can read."""
    from chamiperf_ci.render.baselines import content  # noqa: PLC0415 - keeps `chamiperf --help` fast
    from chamiperf_ci.steps.baselines import file  # noqa: PLC0415 - as above

    printed.hand_over(content(file.format_file(baselines)))
    return ExitCode.OK


@baselines.command("import")
@_baselines_option
@click.option("--from", "theirs", type=_FILE, required=True, help="Chamicore's tests/load/baselines.json.")
@json_option(what="the file")
def import_targets(*, baselines: Path, theirs: Path, printed: Printed) -> ExitCode:
    """Import the targets of Chamicore's own file, and show what they weaken."""
    from chamiperf_ci.render.baselines import content  # noqa: PLC0415 - keeps `chamiperf --help` fast
    from chamiperf_ci.steps.baselines import file  # noqa: PLC0415 - as above

    printed.hand_over(content(file.import_file(baselines, theirs=theirs)))
    return ExitCode.OK


if __name__ == "__main__":
    run(baselines)
