"""`chamiperf doctor`: what this machine gives to a load, and what a plan would need."""

import json

import click

from chamiperf_ci.adapters.chamicore import ONE_TRY, Chamicore
from chamiperf_ci.cli import run
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.target import TargetOptions
from chamiperf_ci.options import Printed, json_option, target_options
from chamiperf_ci.render.text import Column, in_columns
from chamiperf_ci.steps.doctor import Examination, State, examine
from chamiperf_ci.steps.targets import dialect_of, resolve


@click.command
@target_options
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME", help="Scenario to size, or `all`; repeatable.")
@click.option("--profile", default="full", show_default=True, help="Load shapes to size it by.")
@click.option("--k6", help="k6 to look at.  [default: CHAMIPERF_K6, PATH, the k6 package]")
@click.option(
    "--calibrate",
    is_flag=True,
    help="Measure for some seconds what a request costs k6 here, and keep it for later sizings: boot_storm and "
    "cloud_init_storm.",
)
@click.option("--json", "as_json", is_flag=True, help="As --format json, such as for a bug report.")
@json_option()
def doctor(
    given: TargetOptions,
    scenarios: tuple[str, ...],
    profile: str,
    k6: str | None,
    printed: Printed,
    *,
    calibrate: bool,
    as_json: bool,
) -> ExitCode:
    """Check this machine and the road to the stack, and size a load against them.

    Sends one request to each service of the target, if one is given, and changes nothing. Exits 3 when no valid
    measurement is to be had: a service or k6 is missing, or the plan is too large for this machine.
    """
    from chamiperf_ci.adapters.machine import kept_costs  # noqa: PLC0415 - keeps `chamiperf --help` fast
    from chamiperf_ci.steps.calibrate import calibrated  # noqa: PLC0415
    from chamiperf_ci.steps.load.plan import assign, limits  # noqa: PLC0415 - as above
    from chamiperf_ci.steps.load.request import LoadOptions, choose_scenarios, read_profile  # noqa: PLC0415 - as above

    target = resolve(given) if given.name or given.services or given.gateway else None
    shapes = read_profile(profile)
    spoken = dialect_of(given)
    chosen = choose_scenarios(scenarios, shapes) if scenarios else ()
    planned = [assign(shapes, each, LoadOptions(), spoken) for each in chosen]
    if calibrate:
        for text in calibrated(planned, k6, spoken):
            click.echo(text, err=True)
    if target is None:
        found = examine(k6, None, planned, limits(None), kept_costs())
    else:
        with Chamicore(target, retry=ONE_TRY) as client:
            found = examine(k6, client, planned, limits(target), kept_costs())
    printed.hand_over(found.facts())
    click.echo(json.dumps(found.facts(), indent=2) if as_json and printed.form == "text" else _table(found))
    return ExitCode.INVALID if found.worst is State.BAD else ExitCode.OK


def _table(found: Examination) -> str:
    rows = [(each.what, each.state, each.text, each.remedy) for each in found.conditions]
    rows += [
        (
            each.scenario,
            State.GOOD if each.fits else State.BAD,
            f"{each.peak_per_s:,.0f} requests/s need {each.needs}" if each.peak_per_s else f"unpaced; {each.needs}",
            "" if each.fits else each.remedy.capitalize(),
        )
        for each in found.plan
    ]
    return in_columns((Column(""), Column(""), Column("found", wraps=True), Column("to do", wraps=True)), rows)


if __name__ == "__main__":
    run(doctor)
