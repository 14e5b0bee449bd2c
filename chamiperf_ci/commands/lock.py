"""`chamiperf lock`: hold or inspect the lock on a shared stack."""

import os
from datetime import timedelta

import click

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.cli import run
from chamiperf_ci.errors import ExitCode, StackLocked
from chamiperf_ci.models.target import TargetOptions
from chamiperf_ci.options import DURATION, LockOptions, Printed, claim_options, json_option, target_options
from chamiperf_ci.steps import lock as locks
from chamiperf_ci.steps.targets import resolve


@click.group()
def lock() -> None:
    """The lock on a shared stack: an SMD group with run, owner and expiry.

    seed and load take it themselves. A job of several steps can take it for all of them: each step renews it, so it is
    free some minutes after a runner died.
    """


@lock.command()
@target_options
@json_option(what="the lock as JSON, null if nobody holds it")
def show(given: TargetOptions, printed: Printed) -> ExitCode:
    """Say who holds the lock."""
    with Chamicore(resolve(given), retry=locks.RETRY) as client:
        holder = locks.inspect(client)
    printed.hand_over(holder)
    click.echo(locks.shown(holder))
    return ExitCode.OK


@lock.command()
@target_options
@json_option(what="the lock as JSON, null if nobody holds it")
@claim_options
@click.option(
    "--for",
    "life",
    type=DURATION,
    default="10m",
    show_default=True,
    help="When it expires, unless a command of the same run renews it.",
)
def acquire(given: TargetOptions, claim: LockOptions, life: float, printed: Printed) -> ExitCode:
    """Take the lock. Exits 3 when another run holds it."""
    wanted = locks.Claim(claim.run, claim.owner, life=timedelta(seconds=life), break_lock=claim.break_lock)
    with Chamicore(resolve(given), retry=locks.RETRY) as client:
        taken = locks.acquire(client, wanted, say=lambda text: click.echo(text, err=True))
    printed.hand_over(taken)
    click.echo("not locked" if taken is None else locks.in_words(taken))
    if taken is not None:
        click.echo(f"Give it back with `chamiperf lock release --lock-run={taken.run}`.", err=True)
    return ExitCode.OK


@lock.command()
@target_options
@json_option(what="the lock as JSON, null if nobody holds it")
@claim_options
def release(given: TargetOptions, claim: LockOptions, printed: Printed) -> ExitCode:
    """Release the lock, if it is this run's; with --break-lock, anybody's.

    Exits 3 if another run holds it.
    """
    is_named = click.get_current_context().params["lock_run"] or os.environ.get("GITHUB_RUN_ID")
    with Chamicore(resolve(given), retry=locks.RETRY) as client:
        holder = locks.inspect(client)
        run_id = holder.run if holder is not None and claim.break_lock else claim.run
        given_back = locks.release(client, run_id)
    printed.hand_over(None if given_back else holder)
    if given_back:
        click.echo("released")
    elif holder is None:
        click.echo(f"run {claim.run} does not hold the lock")
    elif is_named:
        click.echo(f"run {claim.run} does not hold the lock; it is held by {locks.in_words(holder)}")
    else:
        raise StackLocked(
            f"the lock is held by {locks.in_words(holder)}, and no run is named that gives it back",
            where="--lock-run",
            remedy=f"Free it with `chamiperf lock release --lock-run={holder.run}`.",
        )
    return ExitCode.OK


if __name__ == "__main__":
    run(lock)
