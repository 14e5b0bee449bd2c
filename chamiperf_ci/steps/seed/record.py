"""`seed.json` as the memory of a seeding: written before the first request, so that an interrupted one is found."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from chamiperf_ci.adapters.files import PRODUCER, read_document
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.dialect import Dialect
from chamiperf_ci.models.fingerprint import StackKind
from chamiperf_ci.models.seed import Formula, Seed, SharedStack, Verification
from chamiperf_ci.models.target import Target


def previous(path: Path, target: Target) -> Seed | None:
    """What an earlier call has put, or begun to put, into this stack; None if nothing is said to be there.

    Raises:
        ConfigurationError: The file is damaged, or is of another environment, whose nodes it would forget.
    """
    if not path.exists():
        return None
    seed = read_document(path, Seed, remedy="Name another folder with --out, or move the file away.")
    if seed.removed_at is not None:
        return None
    if seed.environment != target.environment:
        raise ConfigurationError(
            f"the file is of the environment {seed.environment}, this is {target.environment}",
            where=str(path),
            remedy="Name another folder with --out, or remove those nodes first (chamiperf seed --remove).",
        )
    return seed


def begun(
    target: Target,
    dialect: Dialect,
    *,
    run_id: str,
    nodes: int,
    kind: StackKind,
    durability: str,
    created_at: datetime,
    dhcp_allowed: bool,
    shared: SharedStack | None,
) -> Seed:
    """The document of a seeding of which nothing is known to be there yet."""
    return Seed(
        producer=PRODUCER,
        run_id=run_id,
        environment=target.environment,
        stack_kind=kind,
        nodes=nodes,
        counts={dialect.objects[name].kind: 0 for name in dialect.seed_order},
        formula=Formula(id=dialect.identity.id, mac=dialect.identity.mac, ip=dialect.identity.ip),
        network=target.network,
        created_at=created_at,
        seconds=0.0,
        objects_per_s=0.0,
        durability=durability,
        rates=(),
        verification=unverified({}, "nothing was read back yet"),
        complete=False,
        dhcp_allowed=dhcp_allowed,
        shared=shared,
    )


def unverified(counted: Mapping[str, int], why: str) -> Verification:
    """A verification that did not take place."""
    return Verification(counted=dict(counted), sampled=0, wrong=(why,))
