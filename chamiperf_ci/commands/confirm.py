"""`chamiperf confirm`: measure the suspects again and decide."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from chamiperf_ci.cli import run
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.target import TargetOptions
from chamiperf_ci.options import (
    DURATION,
    DURATION_OR_NONE,
    LockOptions,
    baseline_options,
    claim_options,
    in_groups,
    out_option,
    shown_options,
    target_options,
)

if TYPE_CHECKING:
    from chamiperf_ci.render.terminal import Form

_PATH = click.Path(path_type=Path)


@click.command(cls=in_groups({}))
@target_options
@click.option("--verdict", type=_PATH, help="The first verdict; it is replaced.  [default: OUT/verdict.json]")
@click.option("--runs", type=_PATH, help="Folder of its runs; the repeats go there.  [default: OUT/runs]")
@baseline_options
@claim_options
@click.option(
    "--by",
    type=click.Choice(["repeats", "pairs"]),
    default="repeats",
    show_default=True,
    help="Two fresh repeats, or five pairs of old and new side by side (needs --against).",
)
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="NAME",
    help="Repeat this one whatever the first verdict says; repeatable.  [default: the suspects]",
)
@click.option(
    "--max-scenarios",
    type=click.IntRange(0, 8),
    default=2,
    show_default=True,
    help="How many suspect scenarios to repeat, the most suspect first.",
)
@click.option(
    "--min-gap",
    type=DURATION_OR_NONE,
    default="10m",
    show_default=True,
    help="Time between the end of a scenario's run and its repeat; less than 10m is marked `back to back`.",
)
@click.option("--seed-file", type=_PATH, help="The stack's seed file.  [default: seed.json beside the verdict]")
@click.option(
    "--redeploy",
    type=_PATH,
    metavar="SCRIPT",
    help="Script that deploys the stack again before each repeat, called with `head`; the nodes are then seeded again.",
)
@click.option("--redeploy-timeout", type=DURATION, default="30m", show_default=True, help="How long it may take.")
@click.option(
    "--redeploy-env",
    multiple=True,
    metavar="NAME",
    help="Variable that the script gets besides PATH, HOME and the like; repeatable. It gets no other.",
)
@click.option("--against", metavar="TARGET", help="The old side of the pairs, a target of chamiperf.toml.")
@click.option("--against-seed-file", type=_PATH, help="The old side's seed file.")
@click.option("--k6", help="k6 to run.  [default: CHAMIPERF_K6, PATH, the k6 package]")
@shown_options
@out_option
def confirm(
    *,
    given: TargetOptions,
    claim: LockOptions,
    verdict: Path | None,
    runs: Path | None,
    baselines: Path,
    history: Path | None,
    by: Literal["repeats", "pairs"],
    scenarios: tuple[str, ...],
    max_scenarios: int,
    min_gap: float,
    seed_file: Path | None,
    redeploy: Path | None,
    redeploy_timeout: float,
    redeploy_env: tuple[str, ...],
    against: str | None,
    against_seed_file: Path | None,
    k6: str | None,
    form: "Form",
    out: Path,
) -> ExitCode:
    """Repeat what is suspect, and decide once, on all runs together.

    Replaces verdict.json, which keeps the first verdict. The --fail-on of `compare` applies, and its exit codes.
    """
    from chamiperf_ci.steps import confirm as step  # noqa: PLC0415 - keeps `chamiperf --help` fast
    from chamiperf_ci.steps.lock import Claim  # noqa: PLC0415 - as above

    return step.confirm(
        step.ConfirmOptions(
            verdict=verdict or out / "verdict.json",
            runs=runs or out / "runs",
            baselines=baselines,
            history=history,
            target=given,
            claim=Claim(claim.run, claim.owner, break_lock=claim.break_lock),
            by=by,
            scenarios=scenarios,
            max_scenarios=max_scenarios,
            min_gap_s=min_gap,
            seed_file=seed_file,
            redeploy=redeploy,
            redeploy_timeout_s=redeploy_timeout,
            redeploy_env=redeploy_env,
            against=against,
            against_seed_file=against_seed_file,
            k6=k6,
            say=partial(click.echo, err=True),
            form=form,
        )
    )


if __name__ == "__main__":
    run(confirm)
