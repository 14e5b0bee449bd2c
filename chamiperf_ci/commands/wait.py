"""`chamiperf wait`: until the stack is ready."""

import click

from chamiperf_ci.adapters.bounds import RetryPolicy
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.cli import run, step_went_well
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.target import TargetOptions
from chamiperf_ci.options import DURATION, Printed, in_groups, json_option, target_options
from chamiperf_ci.steps.readiness import configured, wait_until_ready
from chamiperf_ci.steps.targets import resolve

_ONE_TRY = RetryPolicy(timeout_s=2.0, retries=0)


@click.command(cls=in_groups({}))
@target_options
@json_option()
@click.option(
    "--timeout",
    type=DURATION,
    default="90s",
    show_default=True,
    envvar="CHAMIPERF_WAIT_TIMEOUT",
    show_envvar=True,
    help="How long to wait, such as 90s or 2m.",
)
def wait(given: TargetOptions, timeout: float, printed: Printed) -> ExitCode:
    """Wait until every configured service answers /readiness with 200.

    Exits 3 if one does not in time.
    """
    target = resolve(given)
    with Chamicore(target, retry=_ONE_TRY) as client:
        seconds = wait_until_ready(client, timeout_s=timeout, say=lambda text: click.echo(text, err=True))
    printed.hand_over({"seconds": seconds, "services": configured(target)})
    said = f"ready after {seconds:.1f} s: {', '.join(configured(target))}"
    click.echo(said)
    step_went_well(f"wait {seconds:.1f} s")
    return ExitCode.OK


if __name__ == "__main__":
    run(wait)
