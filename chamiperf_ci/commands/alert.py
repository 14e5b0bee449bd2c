"""`chamiperf alert`: open, update and close alerts for a night, or look whether nights are missing."""

import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import click
from pydantic import SecretStr

from chamiperf_ci.adapters import console
from chamiperf_ci.adapters.history import HistoryStore
from chamiperf_ci.cli import run
from chamiperf_ci.errors import ConfigurationError, ExitCode
from chamiperf_ci.options import PERIOD, Printed, github, history_options, json_option, out_option

_WEBHOOK = "CHAMIPERF_ALERT_WEBHOOK"
_HEARTBEAT = "CHAMIPERF_HEARTBEAT_URL"


@click.command()
@click.option(
    "--verdict", type=click.Path(path_type=Path, dir_okay=False), help="The night's.  [default: OUT/verdict.json]"
)
@click.option(
    "--without-verdict", metavar="REASON", default="", help="The night ended without a verdict, for this reason."
)
@click.option("--watch", is_flag=True, help="Without a night: check whether nights are missing or the schedule is off.")
@click.option(
    "--environment",
    default="",
    metavar="NAME",
    help="Name under which runs are kept, if no verdict says it; by default the newest night's, with --watch all.",
)
@click.option("--schedule", default="", metavar="FILE", help="The nightly workflow to check, such as nightly.yml.")
@click.option("--period", type=PERIOD, default="24h", show_default=True, help="Time from one night to the next.")
@click.option("--label", default="chamiperf-alert", show_default=True, help="Label of the issues.")
@click.option("--author", default="", help="Who the token writes as; by default GitHub is asked.")
@click.option("--repository", metavar="OWNER/NAME", help="Where to open issues.  [default: the workflow's own]")
@click.option(
    "--project-url",
    envvar="CHAMIPERF_PROJECT_URL",
    show_envvar=True,
    default="",
    help="URL of this toolkit's files, for links to what an alert means.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@history_options
@json_option(what="the nights and their alerts as JSON")
@partial(out_option, writes=False)
def alert(
    *,
    verdict: Path | None,
    without_verdict: str,
    watch: bool,
    environment: str,
    schedule: str,
    period: float,
    label: str,
    author: str,
    repository: str | None,
    project_url: str,
    dry_run: bool,
    history: HistoryStore | None,
    printed: Printed,
    out: Path,
) -> ExitCode:
    """Open, update and close alerts for a night.

    One issue for each scenario that failed, one for nights that do not measure; each is closed by the first clean
    night. GITHUB_TOKEN writes the issues, CHAMIPERF_ALERT_WEBHOOK (Slack-compatible) gets what is new, worse or over,
    CHAMIPERF_HEARTBEAT_URL is pinged after each valid night; all three are optional.

    Exit codes: 0 delivered, or nothing to deliver, whatever the verdict; 2 usage; 4 an alert could not be delivered.
    """
    from chamiperf_ci.adapters.console import read_event  # noqa: PLC0415 - keeps `chamiperf --help` fast
    from chamiperf_ci.adapters.github.api import repository_named  # noqa: PLC0415
    from chamiperf_ci.adapters.webhook import Webhook  # noqa: PLC0415
    from chamiperf_ci.render.alerts import summary  # noqa: PLC0415
    from chamiperf_ci.steps.alerts import decide  # noqa: PLC0415
    from chamiperf_ci.steps.alerts.decide import Act  # noqa: PLC0415
    from chamiperf_ci.steps.nights import in_words  # noqa: PLC0415

    if sum((watch, bool(without_verdict), verdict is not None)) > 1:
        raise click.UsageError("give one of --verdict, --without-verdict and --watch")
    event = read_event()
    repository = repository or event.repository
    token, webhook, heartbeat = (os.environ.get(name, "").strip() for name in ("GITHUB_TOKEN", _WEBHOOK, _HEARTBEAT))
    if not (token or webhook):
        raise ConfigurationError(
            "nobody can be notified",
            where=f"GITHUB_TOKEN, {_WEBHOOK}",
            remedy="Put `GITHUB_TOKEN: ${{ github.token }}` under `env:` of the step, or store a webhook as a secret.",
        )
    tracker = None
    if token:
        repository = repository_named(repository)
        tracker = decide.Tracker(github("to alert with"), repository, label, author)
    channels = decide.Channels(
        say=lambda text: click.echo(f"{'would do: ' if dry_run else ''}{console.harmless(text)}", err=True),
        tracker=tracker,
        webhook=Webhook(SecretStr(webhook), _WEBHOOK) if webhook else None,
        heartbeat=Webhook(SecretStr(heartbeat), _HEARTBEAT) if heartbeat else None,
        project_url=project_url,
        dry_run=dry_run,
    )
    asked = decide.AlertOptions(
        now=datetime.now(UTC),
        verdict=None if watch or without_verdict else verdict or out / "verdict.json",
        without_verdict=without_verdict,
        watch=watch,
        environment=environment,
        history=history,
        schedule=schedule,
        period=timedelta(seconds=period),
        link=event.run_url,
    )
    nights, told = decide.alert(asked, channels)
    printed.hand_over({"nights": nights, "told": told})
    sentence = in_words(nights)
    click.echo(console.harmless(sentence))
    # An alert that was not delivered never takes the verdict's place: both are said.
    for problem in told.undelivered:
        line = console.harmless(f"not delivered: {problem}")
        click.echo(f"chamiperf: {line}", err=True)
        console.annotate([console.Annotation(console.AnnotationLevel.ERROR, "chamiperf alert", line)])
    console.append_summary(summary(sentence, [action.act for action in told.done], told.undelivered))
    console.publish(
        {
            "opened": sum(action.act is Act.OPEN for action in told.done),
            "closed": sum(action.act is Act.CLOSE for action in told.done),
            "undelivered": len(told.undelivered),
            "verdict-exit-code": nights[0].exit_code,
        }
    )
    return ExitCode.OUTSIDE_SERVICE if told.undelivered else ExitCode.OK


if __name__ == "__main__":
    run(alert)
