"""`chamiperf lock`: hold or inspect the lock on a shared stack."""

from datetime import timedelta

import click

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.door import run
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.options import DURATION, GivenClaim, claim_options, target_options
from chamiperf_ci.steps import lock as locks
from chamiperf_ci.steps.targets import GivenTarget, resolve


@click.group()
def lock() -> None:
    """The lock on a stack that others use: an SMD group with run, owner and expiry.

    seed and load take it by themselves. A pipeline of several steps takes it for all of them: its steps share a run.
    """


@lock.command()
@target_options
def show(given: GivenTarget) -> ExitCode:
    """Say who holds the lock."""
    with Chamicore(resolve(given)) as client:
        click.echo(locks.shown(locks.inspect(client)))
    return ExitCode.OK


@lock.command()
@target_options
@claim_options
@click.option("--for", "life", type=DURATION, default="6h", show_default=True, help="When it expires by itself.")
def acquire(given: GivenTarget, claim: GivenClaim, life: float) -> ExitCode:
    """Take the lock. Exits 3 when another run holds it."""
    wanted = locks.Claim(claim.run, claim.owner, life=timedelta(seconds=life), break_lock=claim.break_lock)
    with Chamicore(resolve(given)) as client:
        taken = locks.acquire(client, wanted, say=lambda text: click.echo(text, err=True))
    click.echo("not locked" if taken is None else locks.in_words(taken))
    return ExitCode.OK


@lock.command()
@target_options
@claim_options
def release(given: GivenTarget, claim: GivenClaim) -> ExitCode:
    """Give the lock back, if it is this run's."""
    with Chamicore(resolve(given)) as client:
        given_back = locks.release(client, claim.run)
    click.echo("released" if given_back else f"run {claim.run} does not hold the lock")
    return ExitCode.OK


if __name__ == "__main__":
    run(lock)
