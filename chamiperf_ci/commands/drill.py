"""`chamiperf drill`: prove that the gate catches what it should, on this set-up."""

from functools import partial
from pathlib import Path

import click

from chamiperf_ci.cli import run
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.target import TargetOptions
from chamiperf_ci.options import (
    DURATION,
    LockOptions,
    Printed,
    claim_options,
    in_groups,
    out_option,
    printed_options,
    target_options,
)

_PATH = click.Path(path_type=Path)


@click.command(cls=in_groups({}))
@target_options
@out_option
@printed_options
@claim_options
@click.option("--scenario", default="boot_storm", show_default=True, metavar="NAME", help="Scenario to repeat.")
@click.option("--profile", default="demo", show_default=True, help="Load shape: demo, quick, full or soak.")
@click.option(
    "--runs",
    type=click.IntRange(8, 200),
    default=8,
    show_default=True,
    help="Valid runs of unchanged code: five for the baseline, every further three a comparison with it.",
)
@click.option(
    "--comparisons",
    type=click.IntRange(1, 50),
    default=3,
    show_default=True,
    help="How often each slow-down is judged, where it can be injected.",
)
@click.option(
    "--effect",
    "effects",
    type=click.FloatRange(1, 99),
    multiple=True,
    default=(5, 10, 20, 40),
    show_default=True,
    metavar="PERCENT",
    help="Slow-down, percent of the declared service time (deployed: of each metric); repeatable.",
)
@click.option(
    "--max-duration", type=DURATION, default="1h30m", show_default=True, help="Longest duration of everything."
)
@click.option("--baselines", type=_PATH, help="File with tolerances to judge by.  [default: those that ship]")
@click.option("--seed-file", type=_PATH, help="The stack's seed file.  [default: seed.json in --out]")
@click.option("--k6", help="k6 to run.  [default: CHAMIPERF_K6, PATH, the k6 package]")
@click.option("--vus", type=click.IntRange(1), help="VUs of the sustained phase.")
@click.option("--spike-vus", type=click.IntRange(1), help="VUs of the spike.")
def drill(
    *,
    given: TargetOptions,
    out: Path,
    claim: LockOptions,
    scenario: str,
    profile: str,
    runs: int,
    comparisons: int,
    effects: tuple[float, ...],
    max_duration: float,
    baselines: Path | None,
    seed_file: Path | None,
    k6: str | None,
    vus: int | None,
    spike_vus: int | None,
    printed: Printed,
) -> ExitCode:
    """Prove that the gate catches what it should, on this set-up, before it is trusted.

    Repeats unchanged runs; slows the embedded stack down by known amounts and has that judged; on a deployed stack
    computes from the recorded runs what would be seen. Writes drill.json, and its runs into drill/runs.

    Exit code 0: the largest slow-down was caught and nothing was found in unchanged code; 1: not so; 3: too few valid
    runs, or cut off.
    """
    from chamiperf_ci.models.run import RunKind  # noqa: PLC0415 - as above
    from chamiperf_ci.steps.drill import judge  # noqa: PLC0415 - keeps `chamiperf --help` fast
    from chamiperf_ci.steps.load.request import LoadOptions  # noqa: PLC0415 - as above
    from chamiperf_ci.steps.lock import Claim  # noqa: PLC0415 - as above

    load = LoadOptions(
        target=given,
        out=out / "drill",
        scenarios=(scenario,),
        profile=profile,
        kind=RunKind.DRILL,
        seed_file=seed_file or out / "seed.json",
        k6=k6,
        vus=vus,
        spike_vus=spike_vus,
        claim=Claim(claim.run, claim.owner, break_lock=claim.break_lock),
    )
    return judge.drill(
        judge.DrillOptions(
            load=load,
            baselines=baselines,
            runs=runs,
            comparisons=comparisons,
            effects=tuple(effect / 100 for effect in effects),
            most_s=max_duration,
            say=partial(click.echo, err=True),
            brief=printed.form == "sentence",
            document=printed.hand_over,
        ),
        out,
    )


if __name__ == "__main__":
    run(drill)
