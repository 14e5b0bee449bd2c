"""`chamiperf comment`: post a verdict as one sticky comment on its pull request."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chamiperf_ci.adapters import console
from chamiperf_ci.cli import run
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.options import Printed, github, json_option, link_options, out_option

if TYPE_CHECKING:
    from chamiperf_ci.render.numbers import Context


@click.command()
@click.option(
    "--verdict",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The verdict to post.  [default: OUT/verdict.json; after another run, that run's artifact]",
)
@click.option(
    "--artifact",
    default="chamiperf-verdict",
    show_default=True,
    help="After another run (`workflow_run`): the artifact that holds its verdict.json and nothing else.",
)
@click.option(
    "--pull-request",
    type=click.IntRange(1),
    metavar="N",
    help="Where to post; by default the event's own pull request, and after another run the one of its head.",
)
@click.option(
    "--comment-key",
    default="chamiperf",
    show_default=True,
    help="Distinguishes comments of one pull request: one for each key.",
)
@click.option(
    "--author",
    default="",
    help="Who the token writes as; by default GitHub is asked. Needed for the token of an App: `SLUG[bot]`.",
)
@click.option("--repository", metavar="OWNER/NAME", help="Where to post.  [default: the workflow's own]")
@link_options
@click.option(
    "--without-verdict",
    is_flag=True,
    help="The run has no verdict: say so, so that nobody takes an older comment for its result.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be posted where, and post nothing.")
@json_option(what="what was posted where as JSON")
@partial(out_option, writes=False)
def comment(
    *,
    verdict: Path | None,
    artifact: str,
    pull_request: int | None,
    comment_key: str,
    author: str,
    repository: str | None,
    links: "Context",
    without_verdict: bool,
    dry_run: bool,
    printed: Printed,
    out: Path,
) -> ExitCode:
    """Post a verdict on its pull request, or update the comment there.

    The token is read from GITHUB_TOKEN. If it may not comment, the verdict goes to the job summary, the missing
    permission is named, and the exit code is 0.

    Exit codes: 0 posted, or said why not; 2 usage, or an artifact that is not a verdict; 4 GitHub does not answer.
    """
    from chamiperf_ci.adapters.console import read_event  # noqa: PLC0415 - keeps `chamiperf --help` fast
    from chamiperf_ci.adapters.github.api import repository_named  # noqa: PLC0415
    from chamiperf_ci.adapters.github.comments import marker  # noqa: PLC0415
    from chamiperf_ci.steps import comment as step  # noqa: PLC0415

    marker(comment_key)
    event = read_event()
    repository = repository_named(repository or event.repository)
    poster = step.Poster(
        api=github(
            "to comment with",
            "Put `GITHUB_TOKEN: ${{ github.token }}` under `env:` of the step, and `pull-requests: write` under "
            "`permissions:` of the job, beside all else that it needs (`contents: read` for a checkout): permissions "
            "that are not named are removed. On a laptop `export GITHUB_TOKEN=...`.",
        ),
        repository=repository,
        key=comment_key,
        author=author,
        dry_run=dry_run,
        say=lambda text: click.echo(f"{'would post: ' if dry_run else ''}{console.harmless(text)}", err=True),
    )
    request = step.CommentOptions(
        event=event,
        pull_request=pull_request,
        verdict_file=verdict or out / step.FILE,
        artifact=artifact,
        links=links,
        without_verdict=without_verdict,
    )
    outcome = step.comment(poster, request)
    printed.hand_over(outcome)
    click.echo(console.quoted(outcome.text) if dry_run else outcome.posted.sentence)
    if outcome.posted.posting == "skipped":
        console.annotate(
            [console.Annotation(console.AnnotationLevel.WARNING, "chamiperf comment", outcome.posted.reason)]
        )
    console.append_summary(outcome.summary)
    console.publish(
        {
            "posting": outcome.posted.posting,
            "comment-url": outcome.posted.url,
            "reason": console.harmless(outcome.posted.reason),
        }
    )
    return ExitCode.OK


if __name__ == "__main__":
    run(comment)
