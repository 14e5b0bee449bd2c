"""Seeds a stack: decides what is missing, has it written, reads it back, and says what is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import dialect, write_document
from chamiperf_ci.adapters.k6 import StopRequest
from chamiperf_ci.errors import ConfigurationError, CredentialRefused, Interrupted, InvalidMeasurement
from chamiperf_ci.models.dialect import Identities, new_run_id
from chamiperf_ci.models.seed import Seed, SeedRate
from chamiperf_ci.models.target import StackKind, Target
from chamiperf_ci.steps.readiness import describe
from chamiperf_ci.steps.seed import inventory
from chamiperf_ci.steps.seed.drive import Driver, NodeRange, SeedResult
from chamiperf_ci.steps.seed.inventory import Inventory, in_words, take, verify

_AGAIN: Final = "Run the same command again: it continues where it stopped. Or take the nodes away with --remove."


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What is to be in the stack."""

    nodes: int
    sample: int
    """Nodes that are read back."""
    shared_stack: bool
    """Objects of others are known of and stay."""
    allow_dhcp: bool
    """A deployed stack's Kea may get the nodes' addresses."""


@dataclass(frozen=True, slots=True)
class SeedPlan:
    """What is left to do for a wish."""

    seed: Seed
    stretch: NodeRange
    others: Mapping[str, int]
    there: int
    """Nodes that are complete already."""


def require_services(target: Target) -> None:
    """Stop unless the services that every node is written to are configured.

    Raises:
        ConfigurationError: Names those that are not.
    """
    spoken = dialect(target.dialect)
    needed = dict.fromkeys(spoken.objects[name].service for name in spoken.seed_order)
    missing = [service for service in needed if target.url(service) is None]
    if missing:
        raise ConfigurationError(
            f"seeding needs {', '.join(missing)}",
            where=f"target {target.environment}",
            remedy=f"Give {', '.join(f'--{service}-url' for service in missing)}, or a gateway.",
        )


def plan_seed(client: Chamicore, path: Path, desired: DesiredState, stop: StopRequest) -> SeedPlan:
    """Look at the stack and at `seed.json`, and say what is left to do; writes nothing.

    Raises:
        ConfigurationError: Objects of others are there and not allowed for, more of ours than wished, or another
            network than theirs, a DHCP server that nobody gave leave to fill; a refused credential or certificate.
        StackUnreachable: A service does not answer.
    """
    target, dialect = client.target, client.dialect
    if not 0 < desired.nodes <= dialect.identity.max_index + 1:
        raise ConfigurationError(
            f"{desired.nodes:,} nodes cannot be given names",
            where="--nodes",
            remedy=f"Give a number from 1 to {dialect.identity.max_index + 1:,}.",
        )
    earlier = inventory.previous(path, target)
    description = describe(client)
    if not desired.allow_dhcp:
        _refuse_dhcp(target, description.kind)
    run_id = earlier.run_id if earlier else new_run_id("r")
    found = take(client, check_stop=lambda: stop.check("reading what is in the stack"), runs=(run_id,))
    ours, others = found.of_run(run_id), found.of_others(run_id)
    _refuse_neighbours(target, others, desired, others.counts(dialect))
    if earlier is not None:
        _refuse_mismatch(earlier, target, ours, desired, path)
    shared = earlier.shared if earlier else None
    if shared is None and desired.shared_stack:
        shared = inventory.record(client, others)
    complete = ours.complete_nodes(dialect)
    first = next((index for index in range(desired.nodes) if index not in complete), desired.nodes)
    seed = inventory.begun(
        target,
        dialect,
        run_id=run_id,
        nodes=desired.nodes,
        kind=description.kind,
        durability=description.durability,
        created_at=earlier.created_at if earlier else datetime.now(UTC).replace(microsecond=0),
        dhcp_allowed=desired.allow_dhcp,
        shared=shared,
    )
    if earlier is not None:
        kept = {"seconds": earlier.seconds, "objects_per_s": earlier.objects_per_s, "rates": earlier.rates}
        seed = seed.model_copy(update=kept)
    stretch = NodeRange(run_id, target.network, first, desired.nodes - first)
    return SeedPlan(seed, stretch, others.counts(dialect), len(complete))


def apply_seed(client: Chamicore, driver: Driver, path: Path, plan: SeedPlan, desired: DesiredState) -> Seed:
    """Write what is missing, read it back, and leave `seed.json`.

    Raises:
        Interrupted: On a signal; `seed.json` says what was begun.
        InvalidMeasurement: Something was not written, or is not as it was written; `seed.json` says what.
        CredentialRefused: Nothing may be written with this credential.
    """
    seed = plan.seed
    write_document(path, seed)
    driven = None
    if plan.stretch.nodes:
        driven = driver.write(plan.stretch)
        seed = _after_writing(seed, driven, plan)
        write_document(path, seed)
        _refuse_refusal(driven, client.target)
        if driven.interrupted:
            raise Interrupted(driven.stopped.text if driven.stopped else "interrupted", where=str(path), remedy=_AGAIN)
    for ask in client.dialect.after_seed:
        answer = client.send(ask.method, ask.service, ask.path)
        if not answer.ok:
            raise answer.unexpected("the service does not read the nodes that were written")
    identities = Identities(client.dialect.identity, seed.run_id, seed.network)
    verification = verify(
        client,
        identities,
        nodes=desired.nodes,
        others=plan.others,
        sample=desired.sample,
        check_stop=lambda: driver.stop.check("reading back what was seeded"),
    )
    unwritten = sum(tally.failed for tally in driven.tallies) if driven else 0
    seed = seed.model_copy(
        update={
            "verification": verification,
            "counts": verification.counted,
            "complete": not verification.wrong,
        }
    )
    write_document(path, seed)
    if not seed.complete:
        first, more = verification.wrong[0], len(verification.wrong) - 1
        raise InvalidMeasurement(
            f"not all is there: {first}{f' (and {more} more)' if more else ''}; {unwritten:,} objects not written"
            f"{f', stopped because {driven.stopped.text}' if driven and driven.stopped else ''}",
            where=str(path),
            remedy=_AGAIN,
        )
    return seed


def _after_writing(seed: Seed, driven: SeedResult, plan: SeedPlan) -> Seed:
    """The document with what k6 counted; nothing is read back yet."""
    seconds = driven.seconds
    rates = tuple(
        SeedRate(
            kind=tally.kind,
            objects=tally.created + tally.resolved,
            created=tally.created,
            resolved=tally.resolved,
            failed=tally.failed,
            seconds=seconds,
            per_s=_rate(tally.created + tally.resolved, seconds),
        )
        for tally in driven.tallies
    )
    written = sum(rate.objects for rate in rates)
    warnings = driven.warnings
    if plan.there:
        warnings = (*warnings, f"{plan.there:,} nodes were there already; the rate is that of the rest")
    return seed.model_copy(
        update={
            "rates": rates,
            "seconds": seconds,
            "objects_per_s": _rate(written, seconds),
            "warnings": warnings,
            "verification": inventory.unverified(
                {rate.kind: plan.there + rate.objects for rate in rates}, "nothing was read back yet"
            ),
        }
    )


def _rate(objects: int, seconds: float) -> float:
    return round(objects / seconds, 1) if seconds > 0 else 0.0


def _refuse_refusal(driven: SeedResult, target: Target) -> None:
    if driven.refused and not any(tally.created or tally.resolved for tally in driven.tallies):
        raise CredentialRefused(
            f"the credential {target.credential.kind} may not write",
            where=f"target {target.environment}, {driven.refused:,} answers 401 or 403",
            remedy="Give one with the scopes write:components, write:bootparams and write:payloads.",
        )


def _refuse_dhcp(target: Target, kind: StackKind) -> None:
    """Interfaces reach Kea by themselves: on a deployed stack somebody has to want that."""
    if kind is StackKind.DEPLOYED and target.kea is not None:
        raise ConfigurationError(
            f"seeding fills this stack's DHCP server with reservations from {target.network}",
            where=f"Kea at {target.kea}",
            remedy="Run `chamiperf seed --allow-dhcp` if it may, or leave --kea-url out.",
        )


def _refuse_neighbours(target: Target, others: Inventory, desired: DesiredState, counts: Mapping[str, int]) -> None:
    if not others.entries or desired.shared_stack:
        return
    runs = sorted(others.runs())
    orphans = f" Of earlier runs: {', '.join(runs[:3])}; --sweep removes those that are dead." if runs else ""
    raise ConfigurationError(
        f"the stack holds objects that are not this run's: {in_words(counts)}",
        where=f"target {target.environment}",
        remedy=f"Give --shared-stack to keep them.{orphans}",
    )


def _refuse_mismatch(earlier: Seed, target: Target, ours: Inventory, desired: DesiredState, path: Path) -> None:
    if ours.entries and earlier.network != target.network:
        raise ConfigurationError(
            f"the nodes of run {earlier.run_id} have addresses of {earlier.network}, not of {target.network}",
            where=str(path),
            remedy="Give the same --network, or remove them first: chamiperf seed --remove.",
        )
    if ours.highest() >= desired.nodes:
        raise ConfigurationError(
            f"run {earlier.run_id} has more nodes than {desired.nodes:,}: up to index {ours.highest():,}",
            where=str(path),
            remedy="Give a higher --nodes, or remove them first: chamiperf seed --remove.",
        )
