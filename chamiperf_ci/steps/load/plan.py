"""A load planned before anything runs: checked against the machine, allowed, and shown."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from urllib.parse import urlsplit
from zlib import crc32

from chamiperf_ci.adapters import machine
from chamiperf_ci.adapters.bounds import is_loopback
from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.plan import SUSTAINED, Plan, Profile
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.target import CHAMICORE, StackKind, Target
from chamiperf_ci.models.vocabulary import Statistic
from chamiperf_ci.render.text import Column, in_columns
from chamiperf_ci.steps.load.request import SUBJECT_TOKEN, Job, LoadOptions, apply, choose_scenarios, usual_rest_s
from chamiperf_ci.steps.load.volume import Work, plan_of, work_of

FILES_KEPT = 500
"""Open files that a k6 process needs beside its connections."""
MOST_SEGMENTS = 16
MEMORY_SHARE = 0.9
_TIME_WAIT_S = 60.0
"""For so long a closed connection keeps its local port."""


@dataclass(frozen=True, slots=True)
class MachineLimits:
    """What the machine gives."""

    available_mb: float
    open_files: int
    """Of one process."""
    local_ports: int
    """To one address and port."""
    ports_reused_at_once: bool = False
    """Whether ports of closed connections are free again within a second (loopback, or tcp_tw_reuse)."""
    stack_here: bool = False
    """Whether the stack shares the processors."""
    busy_cores: float = 0.0
    """Processors that other work keeps busy now."""
    all_loopback: bool = False
    """Whether all that the load asks is on 127.0.0.0/8, and all of that is this machine."""


def segments_needed(plan: Plan, open_files: int) -> int:
    """Into how many processes the load must be split, so that each can open its connections."""
    per_process = max(1, open_files - FILES_KEPT)
    return max(1, math.ceil((plan.connections or 0) / per_process))


def require_room(plan: Plan, limits: MachineLimits, *, fresh: bool, addresses: int) -> None:
    """Stop if the machine is too small.

    Args:
        plan: What the load adds up to.
        limits: What the machine gives.
        fresh: Each request opens a connection of its own.
        addresses: Over how many addresses the connections are spread: one a service, or one gateway.

    Raises:
        ConfigurationError: Open files, local ports or memory do not suffice; says what raises them.
    """
    if limits.open_files <= FILES_KEPT or segments_needed(plan, limits.open_files) > MOST_SEGMENTS:
        needed = (plan.connections or 0) + FILES_KEPT
        raise ConfigurationError(
            f"{plan.connections:,} connections are planned and a process may open {limits.open_files:,} files",
            where="preflight: open files",
            remedy=f"Raise the limit with `ulimit -Hn {needed} && ulimit -n {needed}` (as root), or lower --vus.",
        )
    ports = _ports_needed(plan, limits, fresh=fresh, addresses=addresses)
    if ports > limits.local_ports and not sources(plan, limits, fresh=fresh):
        raise ConfigurationError(
            f"{ports:,} local ports to one address are needed and there are {limits.local_ports:,}",
            where="preflight: local ports",
            remedy='Raise them with `sysctl -w net.ipv4.ip_local_port_range="1024 65535"` (as root), or lower '
            f"{'the rate, or use --connections keep' if fresh else '--vus'}.",
        )
    if plan.memory_mb > limits.available_mb * MEMORY_SHARE:
        most_vus = int(plan.vus * limits.available_mb * MEMORY_SHARE / plan.memory_mb)
        raise ConfigurationError(
            f"the load generator will need about {plan.memory_mb:,.0f} MB and {limits.available_mb:,.0f} MB are free",
            where="preflight: memory",
            remedy=f"Use a larger machine, end other programs, or lower --vus (about {most_vus:,} would fit) or the "
            "duration.",
        )


def sources(plan: Plan, limits: MachineLimits, *, run_id: str = "", fresh: bool = False) -> tuple[str, ...]:
    """Local addresses from which the processes connect, as many for each; none where the kernel's choice will do.

    Once half of the local ports to an address are taken, Linux searches a millisecond and more for each further one, in
    the very seconds in which VUs are added. Each address of loopback has ports of its own. A port that is bound to one
    serves a single connection, wherever that leads, and none for a minute after it is closed: so all connections count,
    they must be kept, and each run has addresses of its own. Linux searches longer for such a port once a quarter are
    taken (measured: 7,000 of 28,232).
    """
    if fresh or not limits.all_loopback or not crowded(plan, limits):
        return ()
    each = math.ceil((plan.connections or 0) / plan.segments / max(1, limits.local_ports // 4))
    first = _LOOPBACK.network_address + 256 * (1 + crc32(run_id.encode()) % _RUNS) + 1
    return tuple(str(first + index) for index in range(plan.segments * each))


_LOOPBACK = IPv4Network("127.0.0.0/8")
_RUNS = 65_000
"""So many runs have addresses of their own, the last byte apart."""


def crowded(plan: Plan, limits: MachineLimits) -> bool:
    """Whether more than half of the local ports to one address are needed."""
    return math.ceil((plan.connections or 0) / max(1, len(plan.services))) > limits.local_ports // 2 > 0


def _ports_needed(plan: Plan, limits: MachineLimits, *, fresh: bool, addresses: int) -> int:
    """Local ports to the address that gets most connections."""
    held = math.ceil((plan.connections or 0) / max(1, addresses))
    if not fresh:
        return held
    kept_s = 1.0 if limits.ports_reused_at_once else _TIME_WAIT_S
    rates = plan.peak_requests_per_s.values()
    # Where services share an address, as behind a gateway, it gets what they get together.
    busiest = max(rates, default=0.0) if addresses >= len(rates) else sum(rates)
    return held + math.ceil(min(max(busiest, plan.unpaced_requests_per_s) * kept_s, plan.requests))


_STEADY = ("sustained", "spike")
_UNPACED = "unpaced"
COLUMNS = (
    Column("scenario"),
    Column("model", goes=1),
    Column("VUs", right=True, wraps=True),
    Column("iterations/s", right=True, wraps=True),
    Column("requests/s per service", wraps=True),
    Column("created", right=True, goes=4),
    Column("left", right=True, goes=3),
    Column("duration", right=True, wraps=True),
    Column("memory", right=True, wraps=True, goes=2),
)
_NAMED = 4
"""Endpoints of one kind that are named before they are counted."""


def plan_table(plans: Sequence[Plan]) -> str:
    """One row a scenario, at the level of its sustained phase; levels of the spike after an arrow."""
    return in_columns(COLUMNS, [(each.scenario, *cells(each), _memory(each)) for each in plans])


def judged_quantiles(plan: Plan) -> tuple[str, ...]:
    """Say which quantiles of which endpoint the plan can judge, and which never."""
    groups: dict[str, list[str]] = {}
    for endpoint, statistics in plan.statistics.items():
        ways = {Statistic.MEDIAN_OF_WINDOWS: "by windows", Statistic.POOLED: "over the whole phase", None: "never"}
        names = {how: [name for name, its in statistics.items() if its is way] for way, how in ways.items()}
        said = "; ".join(f"{', '.join(found)} {how}" for how, found in names.items() if found)
        groups.setdefault(said or "no rate is planned, so what their requests suffice for", []).append(endpoint)
    return tuple(
        f"{plan.scenario} can judge, of {_some(endpoints)}: {said}"
        for said, endpoints in sorted(groups.items(), key=lambda group: len(group[1]))
    )


def _some(endpoints: Sequence[str]) -> str:
    more = len(endpoints) - _NAMED
    return ", ".join(endpoints) if more <= 1 else f"{', '.join(endpoints[:_NAMED])} and {more} more endpoints"


def cells(plan: Plan) -> tuple[str, ...]:
    """What stands below the headers for one load, between its name and its memory."""
    steady = [phase for phase in plan.phases if phase.name in _STEADY or phase.iterations]
    rates = {str(service): _levels([each.sent_per_s.get(service, 0) for each in steady]) for service in plan.services}
    return (
        plan.model,
        _levels([phase.to_vus for phase in steady if phase.to_vus]) or "-",
        _levels([phase.offered_per_s for phase in steady]) or _UNPACED,
        _by_service(rates),
        _counted(plan.creates),
        _counted(plan.objects_left),
        duration(plan.longest_s),
    )


def duration(seconds: float) -> str:
    """A duration for people, such as `8.5 s`, `2 min 50 s` or `5 h 30 min`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{round(seconds, 1):g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (0 if hours else rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _by_service(levels: Mapping[str, str]) -> str:
    """Services with equal rates stand together."""
    together: dict[str, list[str]] = {}
    for service, level in levels.items():
        together.setdefault(level or _UNPACED, []).append(service)
    return ", ".join(f"{' + '.join(services)} {level}" for level, services in together.items())


def _memory(plan: Plan) -> str:
    processes = f" in {plan.segments} processes" if plan.segments > 1 else ""
    return f"{plan.memory_mb:,.0f} MB{processes}"


def _levels(values: Sequence[float]) -> str:
    """The levels in order, each once; empty where nothing fixes them."""
    return " -> ".join(_counted(value) for value in dict.fromkeys(values) if value)


def _counted(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"  # noqa: PLR2004 - enough digits


REPEATED = 2
"""Scenarios that a confirmation repeats at most (verdict.md section 7) ..."""
REPEATS = 2
"""... and how often."""
MIN_GAP_S = 600.0
"""Between two of a confirmation's runs."""
AROUND_S = 20.0
"""Beside a scenario's phases and rests: its VUs are made, its summary is written, the stack is looked at."""
_SHORTEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a scenario fits into what is left."""

    fits: bool
    seconds: float
    """What is left for it."""
    text: str = ""
    """Why it does not, with the smaller plan that would."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The time of one call of `load`.

    Args:
        most_s: All in all (`--max-duration`).
        confirmation_s: Kept back for a confirmation.
    """

    most_s: float
    confirmation_s: float = 0.0

    def fit(self, plan: Plan, *, elapsed_s: float, rest: int) -> Fit:
        """Whether a scenario fits.

        Args:
            plan: The scenario that is next.
            elapsed_s: Seconds that have gone.
            rest: Scenarios that are still to run, this one among them; what it could have is its share of what is left.
        """
        left = self.most_s - self.confirmation_s - elapsed_s
        needed = seconds_of(plan)
        if needed <= left:
            return Fit(fits=True, seconds=left)
        sustained = plan.phase(SUSTAINED)
        text = f"it takes {duration(needed)} and {duration(max(0.0, round(left)))} are left of {duration(self.most_s)}"
        shorter = 0.0 if sustained is None else sustained.duration_s - (needed - left / max(1, rest))
        if shorter >= _SHORTEST_S:
            text += f"; it would fit with --sustained {shorter:.0f}s"
        else:
            text += "; it would fit with a smaller profile, such as --profile quick"
        return Fit(fits=False, seconds=max(0.0, left), text=text)


def seconds_of(plan: Plan) -> float:
    """What one run of a scenario takes, all in all: with the usual rests, before its checks and after them."""
    return plan.longest_s + AROUND_S + 2 * usual_rest_s(plan)


def confirmation_of(plans: Sequence[Plan]) -> float:
    """What a confirmation takes at most: the longest scenarios again, each with its gap."""
    longest = sorted((seconds_of(each) for each in plans), reverse=True)[:REPEATED]
    return sum(REPEATS * (seconds + MIN_GAP_S) for seconds in longest)


MOST_CREATED = 300_000
"""Objects that a load may create without an explicit option."""
_TW_REUSE = Path("/proc/sys/net/ipv4/tcp_tw_reuse")


def assign(profile: Profile, scenario: str, options: LoadOptions, spoken: str = CHAMICORE) -> Plan:
    """Plan one scenario, on a stack of the dialect that is spoken.

    Raises:
        ConfigurationError: An option does not fit it.
    """
    asked = choose_scenarios(options.scenarios, profile)
    others = [profile.scenarios[name] for name in asked if name != scenario]
    load = apply(profile.scenarios[scenario], options, scenario=scenario, others=others)
    work = work_of(scenario, load, dialect(spoken))
    return plan_of(
        load,
        work,
        scenario=scenario,
        segments=_shards(scenario, work, plan_of(load, work), options),
        # Each of several machines holds its share: they are taken to be like this one.
        room_mb=machine.available_mb() * MEMORY_SHARE * (1 if options.shard is None else options.shard[1]),
        stays=dialect(spoken).objects_left,
    )


def _shards(scenario: str, work: Work, whole: Plan, options: LoadOptions) -> int:
    """Into how many processes the load is split."""
    machines = None if options.shard is None else options.shard[1]
    asked = machines or options.shards
    needed = 1 if machines else segments_needed(whole, machine.most_open_files())
    shards = needed if asked is None else max(needed, asked or machine.cores())
    if not machines:
        # More processes than VUs would leave some without work.
        shards = min(shards, max(1, whole.vus))
    elif work.splits:
        _require_shares(whole, machines)
    if work.splits or shards == 1:
        return shards
    if needed == 1 and not asked:
        return 1
    where = "--shard" if machines else "--shards"
    raise ConfigurationError(
        f"{scenario} cannot be split over {shards} processes: only one can see when the whole is done",
        where=where if needed == 1 else "preflight: open files",
        remedy=f"Leave {where} out." if needed == 1 else "Raise the limit with `ulimit -n`, or lower --vus.",
    )


def _require_shares(whole: Plan, machines: int) -> None:
    """Stop unless each of so many machines has something to do, and can do it in one process."""
    if machines > max(1, whole.vus):
        raise ConfigurationError(
            f"{whole.vus:,} VUs are planned, which {machines} machines cannot share",
            where="--shard",
            remedy="Use fewer machines, or raise --vus.",
        )
    share = whole.share(machines)
    if segments_needed(share, machine.most_open_files()) > 1:
        needed = (share.connections or 0) + FILES_KEPT
        raise ConfigurationError(
            f"each shard holds {share.connections or 0:,} connections, more than a process may open here",
            where="preflight: open files",
            remedy=f"Raise the limit with `ulimit -Hn {needed} && ulimit -n {needed}` (as root), or use more shards.",
        )


def require_possible(job: Job, plan: Plan) -> None:
    """Stop unless the machine can make the load, and the load does to the stack what somebody allowed.

    Raises:
        ConfigurationError: Says what is too small and what raises it, or what is not allowed and what allows it.
    """
    if plan.creates > MOST_CREATED and not job.options.many_objects:
        raise ConfigurationError(
            f"{plan.scenario} would create {plan.creates:,.0f} objects; more than {MOST_CREATED:,} are refused",
            where="the plan",
            remedy="Lower the rate or the duration, or allow it with --many-objects.",
        )
    if plan.writes_addresses:
        _refuse_dhcp(job, plan.scenario)
    if job.options.kind is RunKind.NIGHT and (broken := period_warnings(job, plan)):
        raise ConfigurationError(
            broken[0],
            where=f"the plan of {plan.scenario}",
            remedy="Give such a --sustained, or make it a quick run.",
        )
    if plan.exchanges_token and job.subject_token is None:
        raise ConfigurationError(
            "there is no token to exchange",
            where=f"{plan.scenario}, grant=token-exchange",
            remedy=f"Give the identity provider's in {SUBJECT_TOKEN}, or choose another grant.",
        )
    require_room(
        plan if job.options.shard is None else plan.share(job.options.shard[1]),
        limits(job.target),
        fresh=job.options.connections == "fresh",
        addresses=len(addresses(job.target, plan)),
    )


def period_warnings(job: Job, plan: Plan) -> tuple[str, ...]:
    """Why the sustained phase can hold more or less of what a service does now and then; empty where it cannot."""
    phase = plan.phase(SUSTAINED)
    if phase is None or phase.iterations:
        return ()
    return tuple(
        f"{service} stops for a moment every {period:g} s: only a sustained phase of whole periods compares,"
        f" this one takes {phase.duration_s:g} s"
        for service, period in dialect(job.target.dialect).periods_s.items()
        if service in plan.services and phase.duration_s % period
    )


def _refuse_dhcp(job: Job, scenario: str) -> None:
    """As in seeding: on a deployed stack somebody has to want that interfaces reach Kea."""
    if job.seed.stack_kind is StackKind.DEPLOYED and job.target.kea is not None and not job.seed.dhcp_allowed:
        raise ConfigurationError(
            f"{scenario} writes interfaces, which fill this stack's DHCP server from {job.seed.network}",
            where=f"Kea at {job.target.kea}",
            remedy="Run `chamiperf seed --allow-dhcp` again if it may, or leave --kea-url out.",
        )


def addresses(target: Target, plan: Plan) -> frozenset[str]:
    """The hosts and ports that the scenario's requests go to."""
    urls = [target.url(service) for service in plan.services]
    return frozenset(urlsplit(url).netloc for url in urls if url)


def limits(target: Target | None) -> MachineLimits:
    """What this machine gives to a load of this target; None for one that is not known yet."""
    return MachineLimits(
        available_mb=machine.available_mb(),
        open_files=machine.most_open_files(),
        local_ports=machine.local_ports(),
        ports_reused_at_once=target is not None and _reused(target),
        stack_here=target is not None and target.generator_on_target_host,
        all_loopback=target is not None and _all_loopback(target) and machine.has_loopback_block(),
    )


def _all_loopback(target: Target) -> bool:
    """Whether each address is one of 127.0.0.0/8, not a name: that may lead to the other loopback, ::1."""
    try:
        hosts = [IPv4Address(urlsplit(url).hostname or "") for url in _every_url(target)]
    except ValueError:
        return False
    return bool(hosts) and all(host in _LOOPBACK for host in hosts)


def _every_url(target: Target) -> list[str]:
    return [*target.services.values(), *(each for each in (target.gateway, target.kea) if each)]


def _reused(target: Target) -> bool:
    """Linux frees the ports of closed connections within a second if told so: 1 always, 2 (its default) on loopback."""
    try:
        setting = _TW_REUSE.read_text(encoding="ascii").strip()
    except OSError:
        return False
    every = _every_url(target)
    return setting == "1" or (setting == "2" and all(is_loopback(urlsplit(url).hostname or "") for url in every))
