"""What surrounds a load: the machine, the stack as it describes itself, and whether the seeded nodes are there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chamiperf_ci.adapters import machine, stack_state
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.stack_manifest import read_manifest
from chamiperf_ci.errors import ConfigurationError, InvalidMeasurement
from chamiperf_ci.models.faults import in_words
from chamiperf_ci.models.fingerprint import Identity, Machine, StackKind
from chamiperf_ci.models.identities import Identities
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import Service, Target
from chamiperf_ci.steps.describe import describe
from chamiperf_ci.steps.wait import configured

_VERSION_KEYS = ("version", "appVersion", "tag")
_COMMIT_KEYS = ("commit", "gitCommit", "git_commit", "revision", "sha")
_IMAGE_KEYS = ("image", "imageDigest", "image_digest")
"""The contract does not state the keys of `/version`; what is not there stays empty."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Taken just before the load."""

    machine: Machine
    identities: tuple[Identity, ...]
    stack_kind: StackKind
    """By the stack's own word, so that a stand-in is never taken for the product."""
    sizing: str = ""
    """The embedded stack's; a deployed one states none."""
    faults: tuple[str, ...] = ()
    processes: tuple[int, ...] = ()
    """Process ids of the embedded stack, which share the generator's machine."""
    warnings: tuple[str, ...] = field(default=())


def look_around(client: Chamicore) -> Surroundings:
    """Ask the machine and the stack; a service that does not say its version is a warning.

    Raises:
        StackUnreachable: A configured service does not answer.
        ConfigurationError: It is not reached as configured (certificate, redirect to a host that is not listed), or the
            stack's manifest cannot be used.
    """
    deployed = read_manifest(client.target.stack_manifest) if client.target.stack_manifest is not None else {}
    identities = []
    silent = []
    for service in configured(client.target):
        client.operational(service, "health")
        identity = _deployed(_identity(client, service), deployed.pop(service, None))
        identities.append(identity)
        if not identity.version and not identity.commit and not identity.image:
            silent.append(service)
    sizing, faults, processes = _embedded(client.target)
    return Surroundings(
        machine=machine.machine(),
        # What has no /version of its own, such as Kea, is known by the manifest alone.
        identities=(*identities, *deployed.values()),
        stack_kind=describe(client).kind,
        sizing=sizing,
        faults=faults,
        processes=processes,
        warnings=(f"no version is known of {', '.join(silent)}",) if silent else (),
    )


def require_seeded(client: Chamicore, seed: Seed, stack_kind: StackKind) -> None:
    """Stop unless the seed file belongs to this stack: its environment, and its first and last node.

    Raises:
        ConfigurationError: It belongs to another one, seeding did not end, or the nodes are not there.
        CredentialRefused: The stack does not take the credential.
        StackUnreachable: SMD does not answer.
    """
    remedy = "Run `chamiperf seed` again, and give its file with --seed-file."
    target = client.target
    if (seed.environment, seed.stack_kind) != (target.environment, stack_kind):
        raise ConfigurationError(
            f"the seed file is of {seed.environment} ({seed.stack_kind})",
            where=f"the target is {target.environment} ({stack_kind})",
            remedy=remedy,
        )
    if not seed.complete:
        raise ConfigurationError("seeding did not come to its end", where=f"run id {seed.run_id}", remedy=remedy)
    if target.url(Service.SMD) is None:
        return
    shape = client.dialect.objects["component"]
    names = Identities(client.dialect.identity, seed.run_id, seed.network)
    for index in {0, seed.nodes - 1}:
        if not client.find(shape, names.values(index)):
            raise ConfigurationError(
                f"the seeded node {names.id(index)} is not in the stack",
                where=f"smd at {target.url(Service.SMD)}",
                remedy=remedy,
            )


def _identity(client: Chamicore, service: Service) -> Identity:
    try:
        answer = client.operational(service, "version")
        said = answer.json_object() if answer.ok else {}
    except InvalidMeasurement:
        said = {}
    return Identity(
        service=service,
        version=_first(said, _VERSION_KEYS),
        commit=_first(said, _COMMIT_KEYS),
        image=_first(said, _IMAGE_KEYS),
    )


def _deployed(said: Identity, written: Identity | None) -> Identity:
    """What a service says of itself, with the build that was written down in place of its own."""
    return said if written is None else written.model_copy(update={"version": said.version})


def _first(said: Mapping[str, object], keys: tuple[str, ...]) -> str:
    return next((str(said[key]) for key in keys if isinstance(said.get(key), str)), "")


def _embedded(target: Target) -> tuple[str, tuple[str, ...], tuple[int, ...]]:
    """The embedded stack's sizing, the faults that are set on it, in words, and its processes."""
    if target.stack_kind is not StackKind.EMBEDDED:
        return "", (), ()
    state = stack_state.find()
    if state is None:
        return "", (), ()
    pids = tuple(process.pid for service in state.services for process in service.processes)
    return state.sizing, tuple(in_words(each) for each in stack_state.list_faults(state)), pids
