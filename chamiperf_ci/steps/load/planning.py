"""From a job to planned scenarios: profile, overrides, arithmetic, and whether this machine can make the load."""

from pathlib import Path
from urllib.parse import urlsplit

from chamiperf_ci.adapters import machine
from chamiperf_ci.adapters.hosts import is_loopback
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.fingerprint import StackKind
from chamiperf_ci.models.plan import Profile
from chamiperf_ci.models.target import Target
from chamiperf_ci.steps.load import arithmetic, names, overrides, preflight
from chamiperf_ci.steps.load.catalogue import work_of
from chamiperf_ci.steps.load.handover import SUBJECT_TOKEN
from chamiperf_ci.steps.load.job import Assignment, Job
from chamiperf_ci.steps.load.overrides import Overrides

MOST_CREATED = 300_000
"""Objects that a load may create without an explicit option."""
_TW_REUSE = Path("/proc/sys/net/ipv4/tcp_tw_reuse")


def assign(profile: Profile, scenario: str, changes: Overrides) -> Assignment:
    """Plan one scenario.

    Raises:
        ConfigurationError: An override does not fit it.
    """
    load = overrides.apply(profile.scenarios[scenario], changes, scenario=scenario)
    work = work_of(scenario, load)
    whole = arithmetic.volume(load, work)
    segments = preflight.segments_needed(whole, machine.most_open_files())
    volume = arithmetic.volume(load, work, segments=segments)
    return Assignment(
        scenario=scenario,
        script=names.script_of(scenario),
        load=load,
        work=work,
        volume=volume,
        segments=segments,
        plan=arithmetic.load_plan(load, work, memory_mb=volume.memory_mb, segments=segments),
    )


def require_possible(job: Job, assignment: Assignment, *, many_objects: bool = False) -> None:
    """Stop unless the machine can make the load, and the load does to the stack what somebody allowed.

    Raises:
        ConfigurationError: Says what is too small and what raises it, or what is not allowed and what allows it.
    """
    volume = assignment.volume
    if volume.creates > MOST_CREATED and not many_objects:
        raise ConfigurationError(
            f"{assignment.scenario} would create {volume.creates:,.0f} objects; more than {MOST_CREATED:,} are refused",
            where="the plan",
            remedy="Lower the rate or the duration, or allow it with --many-objects.",
        )
    if assignment.work.addresses:
        _refuse_dhcp(job, assignment.scenario)
    if assignment.exchanges_token and job.subject_token is None:
        raise ConfigurationError(
            "there is no token to exchange",
            where=f"{assignment.scenario}, grant=token-exchange",
            remedy=f"Give the identity provider's in {SUBJECT_TOKEN}, or choose another grant.",
        )
    preflight.require_room(
        volume,
        limits(job.target),
        fresh=job.connections == "fresh",
        addresses=len(addresses(job.target, assignment)),
    )


def _refuse_dhcp(job: Job, scenario: str) -> None:
    """As in seeding: on a deployed stack somebody has to want that interfaces reach Kea."""
    if job.seed.stack_kind is StackKind.DEPLOYED and job.target.kea is not None and not job.seed.dhcp_allowed:
        raise ConfigurationError(
            f"{scenario} writes interfaces, which fill this stack's DHCP server from {job.seed.network}",
            where=f"Kea at {job.target.kea}",
            remedy="Run `chamiperf seed --allow-dhcp` again if it may, or leave --kea-url out.",
        )


def addresses(target: Target, assignment: Assignment) -> frozenset[str]:
    """The hosts and ports that the scenario's requests go to."""
    urls = [target.url(service) for service in assignment.services]
    return frozenset(urlsplit(url).netloc for url in urls if url)


def limits(target: Target) -> preflight.MachineLimits:
    """What this machine gives to a load of this target."""
    return preflight.MachineLimits(
        available_mb=machine.available_mb(),
        open_files=machine.most_open_files(),
        local_ports=machine.local_ports(),
        ports_reused_at_once=_reused(target),
    )


def _reused(target: Target) -> bool:
    """Linux frees the ports of closed connections within a second if told so: 1 always, 2 (its default) on loopback."""
    try:
        setting = _TW_REUSE.read_text(encoding="ascii").strip()
    except OSError:
        return False
    urls = [*target.services.values(), *([target.gateway] if target.gateway else [])]
    return setting == "1" or (setting == "2" and all(is_loopback(urlsplit(url).hostname or "") for url in urls))
