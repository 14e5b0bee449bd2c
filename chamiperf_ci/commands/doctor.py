"""`chamiperf doctor`: what this machine gives to a load, and what a plan would need."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from chamiperf_ci.adapters.chamicore import ONE_TRY, Chamicore
from chamiperf_ci.cli import run
from chamiperf_ci.errors import ConfigurationError, ExitCode
from chamiperf_ci.models.target import TargetOptions
from chamiperf_ci.options import Printed, json_option, shape_options, target_options
from chamiperf_ci.render.text import Column, in_columns
from chamiperf_ci.steps.doctor import DoctorReport, State, examine
from chamiperf_ci.steps.targets import dialect_of, resolve

_WATCHED_S = 1.0


@click.command
@target_options
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME", help="Scenario to size, or `all`; repeatable.")
@click.option("--profile", default="full", show_default=True, help="Load shapes to size it by.")
@shape_options
@click.option("--k6", help="k6 to look at.  [default: CHAMIPERF_K6, PATH, the k6 package]")
@click.option(
    "--calibrate",
    is_flag=True,
    help="Measure, in less than a minute, what a request costs k6 here, and keep it for later sizings: boot_storm and "
    "cloud_init_storm.",
)
@click.option(
    "--seed-file",
    type=click.Path(path_type=Path),
    help="Of the stack's nodes: where the stack runs on this machine, --calibrate asks it for them, and measures what "
    "it takes as well.  [default: out/seed.json, if it is there]",
)
@click.option("--json", "as_json", is_flag=True, help="As --format json, such as for a bug report.")
@json_option()
def doctor(
    *,
    given: TargetOptions,
    scenarios: tuple[str, ...],
    profile: str,
    k6: str | None,
    seed_file: Path | None,
    printed: Printed,
    calibrate: bool,
    as_json: bool,
    **shape: Any,  # noqa: ANN401 - click's own types
) -> ExitCode:
    """Check this machine and the road to the stack, and size a load against them.

    Sends one request to each service of the target, if one is given, and changes nothing. What other programs take now
    is counted, except an embedded stack. Exits 3 when no valid measurement is to be had: a service or k6 is missing, or
    the plan is too large for this machine.
    """
    from chamiperf_ci.adapters.machine import busy_cores, kept_costs  # noqa: PLC0415 - keeps `chamiperf --help` fast
    from chamiperf_ci.steps.calibrate import calibrated, stack_here  # noqa: PLC0415
    from chamiperf_ci.steps.load.plan import assign, limits  # noqa: PLC0415 - as above
    from chamiperf_ci.steps.load.request import LoadOptions, choose_scenarios, read_profile  # noqa: PLC0415 - as above
    from chamiperf_ci.steps.load.stack_state import embedded  # noqa: PLC0415 - as above

    target = resolve(given) if given.name or given.services or given.gateway else None
    shapes = read_profile(profile)
    spoken = dialect_of(given)
    chosen = choose_scenarios(scenarios, shapes) if scenarios else ()
    if not chosen and any(value not in (None, {}) for value in shape.values()):
        raise ConfigurationError(
            "a load's shape was given without a scenario",
            where="doctor",
            remedy="Give a --scenario, such as boot_storm.",
        )
    planned = [assign(shapes, each, LoadOptions(scenarios=chosen, **shape), spoken) for each in chosen]
    own = () if target is None else embedded(target)[2]
    given_limits = replace(limits(target), busy_cores=busy_cores(_WATCHED_S, without=own))
    if calibrate:
        beside = stack_here(target, seed_file)
        for text in calibrated(planned, k6, spoken, beside, busy_cores=given_limits.busy_cores):
            click.echo(text, err=True)
    costs = kept_costs("" if target is None else target.environment)
    if target is None:
        found = examine(k6, None, planned, given_limits, costs)
    else:
        with Chamicore(target, retry=ONE_TRY) as client:
            found = examine(k6, client, planned, given_limits, costs)
    printed.hand_over(found.facts())
    click.echo(json.dumps(found.facts(), indent=2) if as_json and printed.form == "text" else _table(found))
    return ExitCode.INVALID if found.worst is State.BAD else ExitCode.OK


def _table(found: DoctorReport) -> str:
    rows = [(each.what, each.state, each.text, each.remedy) for each in found.conditions]
    rows += [
        (
            each.scenario,
            State.GOOD if each.fits else State.BAD,
            each.found,
            "" if each.fits else each.remedy.capitalize(),
        )
        for each in found.plan
    ]
    return in_columns((Column(""), Column(""), Column("found", wraps=True), Column("to do", wraps=True)), rows)


if __name__ == "__main__":
    run(doctor)
