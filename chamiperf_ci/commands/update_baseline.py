"""`chamiperf update-baseline`: a person changes the accepted runs, on purpose, with a reason."""

import functools
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from chamiperf_ci.cli import run
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.options import Printed, github, json_option, source_options

_FILE = click.Path(path_type=Path, dir_okay=False)
_OVERRULE = ("invalid", "incomplete", "kind", "fault", "fingerprint", "missed-target")

_baselines_option = click.option(
    "--baselines", type=_FILE, default=Path("baselines.json"), show_default=True, help="The file to change."
)
_patch_option = click.option(
    "--patch", type=_FILE, default=Path("out/baseline.patch.json"), show_default=True, help="The RFC 6902 patch."
)


def _intent_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What to accept, and who, why, how; the command gets it as `sources` and `wanted`."""

    @functools.wraps(command)
    def collect(**values: Any) -> Any:  # noqa: ANN401 - click's own types
        from chamiperf_ci.steps.baselines import update  # noqa: PLC0415 - keeps `chamiperf --help` fast

        said = {name: values.pop(name) for name in ("replace", "who", "reason", "overrule")}
        intent = update.intent(**said, today=datetime.now(UTC).date())
        return command(wanted=intent, **values)

    options = (
        click.option("--reason", required=True, help="Why the runs are accepted; recorded in the file."),
        click.option(
            "--who", envvar="GITHUB_ACTOR", help="Who accepts them; default: this machine's user. [GITHUB_ACTOR]"
        ),
        click.option(
            "--replace",
            is_flag=True,
            help="Replace the present runs; default: add these, up to five.",
        ),
        click.option(
            "--overrule",
            type=click.Choice(_OVERRULE),
            multiple=True,
            help="Accept a run in spite of this; recorded in the file; repeatable.",
        ),
        _baselines_option,
    )
    decorated: Callable[..., Any] = source_options(collect)
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


@click.group("update-baseline")
def update_baseline() -> None:
    """Propose, apply or publish a change of the accepted runs.

    Baselines are changed by people only. Exit codes: 0 done; 2 refused, with the reason, and nothing is written; 4
    GitHub refuses.
    """


@update_baseline.command()
@_intent_options
@_patch_option
@json_option(what="the patch")
def propose(*, sources: Any, wanted: Any, baselines: Path, patch: Path, printed: Printed) -> ExitCode:  # noqa: ANN401 - imported on use
    """Show what accepting runs would change, and write it as a patch; the file stays as it is."""
    from chamiperf_ci.steps.baselines import update  # noqa: PLC0415 - keeps `chamiperf --help` fast

    printed.hand_over(update.propose_runs(sources, baselines, patch, wanted).patch)
    return ExitCode.OK


@update_baseline.command()
@click.option(
    "--key", "keys", multiple=True, required=True, metavar="KEY", help="Its name in `accepted_runs`; repeatable."
)
@_baselines_option
@_patch_option
@json_option(what="the patch")
def retire(*, keys: tuple[str, ...], baselines: Path, patch: Path, printed: Printed) -> ExitCode:
    """Show what taking the baseline of a fingerprint away would change, and write it as a patch."""
    from chamiperf_ci.steps.baselines import update  # noqa: PLC0415 - keeps `chamiperf --help` fast

    printed.hand_over(update.retire_keys(keys, baselines, patch).patch)
    return ExitCode.OK


@update_baseline.command()
@_baselines_option
@_patch_option
@json_option(what="the patch")
def apply(*, baselines: Path, patch: Path, printed: Printed) -> ExitCode:
    """Show a proposed patch and apply it; refused when the file has changed since it was proposed."""
    from chamiperf_ci.steps.baselines import update  # noqa: PLC0415 - keeps `chamiperf --help` fast

    printed.hand_over(update.apply_file(baselines, patch))
    return ExitCode.OK


@update_baseline.command("pull-request")
@_intent_options
@click.option("--repository", envvar="GITHUB_REPOSITORY", show_envvar=True, metavar="OWNER/NAME", help="Where.")
@click.option("--branch", default="", help="Its own branch; default: chamiperf/baseline-ENVIRONMENT.")
@click.option("--base", default="", help="The branch to merge into; default: the repository's default branch.")
@click.option(
    "--from-run",
    type=click.IntRange(1),
    metavar="ID",
    help="The workflow run whose runs these are: the pull request names its event and head, and a fork's are refused.",
)
@click.option("--path", default="baselines.json", show_default=True, help="The file's path in the repository.")
@click.option("--dry-run", is_flag=True, help="Say what would be opened, and send nothing.")
@json_option(what="the pull request's address as JSON, empty after a dry run")
def pull_request(
    *,
    sources: Any,  # noqa: ANN401 - imported on use
    wanted: Any,  # noqa: ANN401 - imported on use
    baselines: Path,
    repository: str | None,
    branch: str,
    base: str,
    from_run: int | None,
    path: str,
    dry_run: bool,
    printed: Printed,
) -> ExitCode:
    """Open a pull request with the change, or update the one that is open; a person merges it.

    The token is read from GITHUB_TOKEN: an App's, so that checks start on the pull request, else the job's own.
    """
    from chamiperf_ci.adapters import console  # noqa: PLC0415 - keeps `chamiperf --help` fast
    from chamiperf_ci.adapters.github.api import repository_named  # noqa: PLC0415
    from chamiperf_ci.adapters.github.repository import run_of  # noqa: PLC0415
    from chamiperf_ci.steps.baselines import update  # noqa: PLC0415

    repository = repository_named(repository)
    api = None
    if not dry_run or from_run is not None:
        api = github(
            "to open a pull request with",
            "Put `GITHUB_TOKEN: ${{ github.token }}` under `env:` of the step, or an App's token.",
        )
    # Asked before anything is read of what that run left: GitHub says whose code it ran, its artifacts do not.
    origin = "" if api is None or from_run is None else update.origin_of(run_of(api, repository, from_run))
    url = update.open_pull_request(
        sources,
        baselines,
        wanted,
        update.Destination(repository, branch, base, path, _link(repository), origin),
        None if dry_run else api,
    )
    printed.hand_over({"url": url})
    console.publish({"pull-request": url.rpartition("/")[2], "pull-request-url": url})
    return ExitCode.OK


def _link(repository: str) -> str:
    """This workflow run's page; empty outside one."""
    server, run_id = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_RUN_ID", "")
    return f"{server}/{repository}/actions/runs/{run_id}" if server and run_id else ""


if __name__ == "__main__":
    run(update_baseline)
