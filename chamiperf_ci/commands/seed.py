"""`chamiperf seed`: puts nodes into the stack, or takes them away again."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

import click
from click.core import ParameterSource

from chamiperf_ci.adapters import console
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.http_client import require_allowed
from chamiperf_ci.adapters.k6 import StopRequest, find_k6
from chamiperf_ci.cli import run, step_went_well
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import Target, TargetOptions
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
from chamiperf_ci.steps.lock import RETRY, Claim, hold
from chamiperf_ci.steps.published import published
from chamiperf_ci.steps.seed import inventory
from chamiperf_ci.steps.seed.clear import Removal, choose_orphans, choose_own, remove_orphans, remove_own
from chamiperf_ci.steps.seed.drive import Driver
from chamiperf_ci.steps.seed.fill import DesiredState, apply_seed, plan_seed, require_services
from chamiperf_ci.steps.seed.inventory import in_words
from chamiperf_ci.steps.targets import resolve


@click.command(cls=in_groups({}))
@target_options
@out_option
@claim_options
@printed_options
@click.option("--nodes", type=click.IntRange(min=1), default=50_000, show_default=True, help="Number of nodes.")
@click.option("--remove", is_flag=True, help="Remove the nodes of seed.json, and nothing else.")
@click.option("--run-id", metavar="ID", help="With --remove: the run whose nodes to remove, if seed.json is lost.")
@click.option("--sweep", is_flag=True, help="Remove what dead runs left, found by the formula of its names.")
@click.option(
    "--older-than",
    type=DURATION,
    default="24h",
    show_default=True,
    help="With --sweep: a run is dead if it has added nothing for this long.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.option("--shared-stack", is_flag=True, help="Record and keep the objects of others in the stack.")
@click.option("--allow-dhcp", is_flag=True, help="Seed a deployed stack even though its Kea gets the nodes' addresses.")
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Number of nodes to read back, at random.",
)
@click.option("--k6", metavar="PATH", help="The k6 binary.")
def seed(
    *,
    given: TargetOptions,
    out: Path,
    claim: LockOptions,
    nodes: int,
    remove: bool,
    run_id: str | None,
    sweep: bool,
    older_than: float,
    dry_run: bool,
    shared_stack: bool,
    allow_dhcp: bool,
    sample: int,
    k6: str | None,
    printed: Printed,
) -> ExitCode:
    """Create nodes in the stack: component, interface, boot parameters and payload each.

    Continues an interrupted call. Writes seed.json. Exits 1 if something could not be removed, 3 if nodes are missing
    in the end.
    """
    if remove and sweep:
        raise click.UsageError("--remove and --sweep exclude each other: give one.")
    if run_id is not None and not remove:
        raise click.UsageError("--run-id says whose nodes to remove: give --remove with it.")
    if not sweep and click.get_current_context().get_parameter_source("older_than") is not ParameterSource.DEFAULT:
        raise click.UsageError("--older-than says which runs are dead: give --sweep with it.")
    target = resolve(given)
    require_allowed(target)
    require_services(target)
    path = out / "seed.json"
    if run_id is None:
        # Before anything is asked: the wrong dialect is told by no answer as clearly as by this file.
        inventory.previous(path, target)
    with StopRequest() as stop, Chamicore(target) as client:
        driver = Driver(target, client.dialect, find_k6(k6), stop)
        desired = DesiredState(nodes, sample, shared_stack=shared_stack, allow_dhcp=allow_dhcp)
        with nullcontext() if dry_run else _locked(target, claim):
            if sweep:
                return _sweep(client, driver, path, timedelta(seconds=older_than), printed=printed, dry_run=dry_run)
            if remove:
                return _remove(client, driver, path, run_id, printed=printed, dry_run=dry_run)
            return _fill(client, driver, path, desired, printed=printed, dry_run=dry_run)


@contextmanager
def _locked(target: Target, claim: LockOptions) -> Iterator[None]:
    """Hold the lock by a client of its own, which waits less long than seeding does."""
    wanted = Claim(claim.run, claim.owner, break_lock=claim.break_lock)
    with (
        Chamicore(target, retry=RETRY) as client,
        hold(client, wanted, say=lambda text: click.echo(text, err=True)),
    ):
        yield


def _fill(
    client: Chamicore, driver: Driver, path: Path, desired: DesiredState, *, printed: Printed, dry_run: bool
) -> ExitCode:
    plan = plan_seed(client, path, desired, driver.stop)
    missing = plan.stretch.nodes
    what = f"{missing:,} nodes ({missing * len(client.dialect.seed_order):,} objects), {plan.there:,} are there"
    if dry_run:
        printed.hand_over(plan.seed)
        click.echo(f"would seed {what}, on {client.target.environment}")
        return ExitCode.OK
    click.echo(f"seeding {what}, on {client.target.environment}, run {plan.seed.run_id}", err=True)
    done = apply_seed(client, driver, path, plan, desired)
    printed.hand_over(done)
    click.echo(_summary(done).partition("\n")[0] if printed.form == "sentence" else _summary(done))
    step_went_well(f"seed {done.nodes:,} nodes")
    console.publish({"seed-path": str(path)})
    for warning in done.warnings:
        click.echo(f"warning: {warning}", err=True)
    return ExitCode.OK


def _summary(done: Seed) -> str:
    resolved = sum(rate.resolved for rate in done.rates)
    speed = f"{done.objects_per_s:,.0f} objects/s in {done.seconds:.1f} s"
    rate = f"written at {speed}, {resolved:,} conflicts settled"
    lines = [
        f"{done.nodes:,} nodes of run {done.run_id} are on {done.environment}: {in_words(done.counts)}",
        rate if done.rates else "all were there already; the rate at which they were written is not known",
        f"durability: {done.durability or 'the stack does not say'}",
        f"read back: all counted, {done.verification.sampled:,} nodes compared, nothing wrong",
    ]
    return "\n".join(lines)


def _remove(
    client: Chamicore, driver: Driver, path: Path, run_id: str | None, *, printed: Printed, dry_run: bool
) -> ExitCode:
    doomed = choose_own(client, driver, path, run_id)
    if dry_run:
        printed.hand_over({doomed.run_id: doomed.objects.counts(client.dialect)})
        click.echo(f"would remove {in_words(doomed.objects.counts(client.dialect))} of run {doomed.run_id}")
        return ExitCode.OK
    removal, changed = remove_own(client, driver, path, doomed)
    for sentence in changed:
        click.echo(f"changed: {sentence}", err=True)
    for shape in map(client.dialect.objects.__getitem__, client.dialect.seed_order):
        if not shape.removable:
            click.echo(f"{shape.kind} stay: {shape.service} cannot remove them", err=True)
    return _report([removal], printed, also_red=bool(changed))


def _sweep(
    client: Chamicore, driver: Driver, path: Path, older_than: timedelta, *, printed: Printed, dry_run: bool
) -> ExitCode:
    earlier = inventory.previous(path, client.target)
    orphans = choose_orphans(client, driver, older_than, [earlier.run_id] if earlier else [])
    _name("younger than the limit or in use, left alone", orphans.young)
    _name("of unknown age, left alone", orphans.undated)
    if dry_run:
        printed.hand_over({run_id: objects.counts(client.dialect) for run_id, objects in orphans.dead.items()})
        for run_id, objects in orphans.dead.items():
            click.echo(f"would remove {in_words(objects.counts(client.dialect))} of run {run_id}")
        if not orphans.dead:
            click.echo("would remove nothing")
        return ExitCode.OK
    return _report(remove_orphans(client, driver, orphans), printed)


def _name(what: str, run_ids: tuple[str, ...]) -> None:
    if run_ids:
        click.echo(f"{what}: {', '.join(run_ids)}", err=True)


def _report(removals: list[Removal], printed: Printed, *, also_red: bool = False) -> ExitCode:
    """Say what went and what stayed; anything that stayed is red."""
    printed.hand_over(removals)
    gone = [
        f"removed {in_words(removal.removed)} of run {removal.run_id} in {removal.seconds:.1f} s"
        for removal in removals
    ] or ["removed nothing"]
    left = [
        line
        for removal in removals
        if not removal.clean
        for line in (
            f"could not remove {in_words(removal.left)} of run {removal.run_id}",
            *(f"  {problem}" for problem in removal.problems),
        )
    ]
    click.echo("\n".join(gone))
    for line in left:
        click.echo(line, err=True)
    if left:
        console.show_in_summary("Taken away", published("\n".join([*gone, *left])))
    else:
        step_went_well("seed taken away")
    clean = not left and not also_red
    return ExitCode.OK if clean else ExitCode.VERDICT_NO


if __name__ == "__main__":
    run(seed)
