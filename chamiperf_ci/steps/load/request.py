"""What is asked of `load`: its options, what they come to, and a profile's load with them applied."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import SecretStr

from chamiperf_ci.adapters import bounds, files
from chamiperf_ci.adapters.bounds import check_url
from chamiperf_ci.adapters.files import remove
from chamiperf_ci.adapters.k6 import K6Binary
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.plan import SUSTAINED, Load, Parameter, Phase, Profile
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import Target, TargetOptions
from chamiperf_ci.steps.load.shards import Share, shard_file
from chamiperf_ci.steps.load.volume import in_order
from chamiperf_ci.steps.lock import Claim

SUBJECT_TOKEN = "CHAMIPERF_SUBJECT_TOKEN"  # noqa: S105 - a variable's name


ALL = "all"


def read_profile(name: str) -> Profile:
    """Read a profile of the k6 folder.

    Raises:
        ConfigurationError: There is none of that name, or its file is not a profile.
    """
    folder = files.k6_folder() / "profiles"
    known = sorted(path.stem for path in folder.glob("*.json"))
    if name not in known:
        raise unknown("profile", name, known, option="--profile")
    return files.shipped(f"profiles/{name}.json", Profile)


def choose_scenarios(asked: Iterable[str], profile: Profile) -> tuple[str, ...]:
    """The scenarios to run, each once, in the catalogue's order; `all` stands for every one that the profile has.

    Raises:
        ConfigurationError: A name is unknown, or the profile has no load for it.
    """
    known = in_order(profile.scenarios)
    names = list(asked)
    for name in names:
        if name != ALL and name not in known:
            raise unknown("scenario", name, [*known, ALL], option=f"--scenario, profile {profile.name}")
    return known if ALL in names else in_order(names)


def unknown(what: str, name: str, known: Iterable[str], *, option: str) -> ConfigurationError:
    """The error for a name that is none, with the nearest ones."""
    names = list(known)
    near = _near(name, names)
    remedy = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(names)}."
    return ConfigurationError(f"there is no {what} {name!r}", where=option, remedy=remedy)


def _near(name: str, known: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)


def forget(
    out: Path,
    scenarios: Iterable[str],
    *,
    file_ending: str = "",
    pairs: int | None = None,
    shard: tuple[int, int] | None = None,
) -> None:
    """Remove what an earlier load left of some scenarios, so that nobody takes it for what is measured next.

    The repeats of an earlier run belong to that run and go with it; pairs replace pairs. Of a name that is none, what
    goes is what its refusal says was meant.

    Raises:
        ConfigurationError: It cannot be removed.
    """
    known, asked = tuple(files.catalogue().scenarios), set(scenarios)
    for name in asked - {*known, ALL}:
        asked.update(_near(name, known))
    folder = out / "runs"
    patterns = ["pair-*"] if pairs is not None else [] if file_ending else ["repeat-*"]
    for scenario in known if ALL in asked else in_order(asked):
        earlier = [path for pattern in patterns for path in sorted(folder.glob(f"{scenario}.{pattern}.json"))]
        if pairs is None:
            earlier.append(folder / f"{scenario}{file_ending}.json")
        if shard is not None:
            earlier.append(shard_file(out, scenario, *shard))
        for path in earlier:
            remove(path)


SPIKE = "spike"
_LARGEST = 10**12
"""Of a scenario's parameter; NaN is not below it either."""
_KINDS = {bool: "true or false", str: "a text", int: "a number from 0 on", float: "a number from 0 on"}


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """When to stop."""

    failure_share: float = 0.5
    """Stop above this share of failed requests ..."""
    after_s: float = 30.0
    """... for this long; readiness that is red for this long stops as well."""
    max_duration_s: float = 19_800.0
    """Of the load itself."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options of `load`; None or empty leaves a load as its profile has it.

    Durations are seconds. Levels apply to every phase that touches them: the ramp leads to the sustained level, the
    cooldown from whatever comes before it.
    """

    target: TargetOptions = field(default_factory=TargetOptions)
    out: Path = Path("out")
    scenarios: tuple[str, ...] = ()
    profile: str = "quick"
    kind: RunKind = RunKind.QUICK
    seed_file: Path | None = None
    dry_run: bool = False
    k6: str | None = None
    vus: int | None = None
    spike_vus: int | None = None
    rate: float | None = None
    """Arrivals per second of the sustained phase."""
    spike_rate: float | None = None
    iterations: int | None = None
    """Of every phase that ends after a number of iterations."""
    pace: float | None = None
    durations_s: Mapping[str, float] = field(default_factory=dict)
    """By phase; 0 leaves the phase out."""
    windows: int | None = None
    herd: bool | None = None
    request_timeout: float | None = None
    connections: Literal["keep", "fresh"] = "keep"
    settings: Mapping[str, Parameter] = field(default_factory=dict)
    """The scenario's own parameters."""
    limits: BrakeLimits = field(default_factory=BrakeLimits)
    settle: float | None = None
    """Between the load and the checks after it; None for 30 s, less after a short load."""
    pause: float | None = None
    """Between two scenarios; None as for `settle`."""
    many_objects: bool = False
    """Whether more than 300,000 objects may be created."""
    outputs: tuple[str, ...] = ()
    """Further outputs of k6 (`--out`)."""
    remote_write: bool = False
    native_histograms: bool = False
    shards: int | None = None
    """k6 processes that share the load; 0 for one a core, None for as many as the limit of open files asks for."""
    shard: tuple[int, int] | None = None
    """Which of how many machines this is that share the load, from 0; None where it makes all of it."""
    start_at: float | None = None
    """When these machines begin, s since the epoch by the stack's clock; None: as soon as all have come."""
    rendezvous: float = 600.0
    """For how long the others are waited for, s."""
    pairs: int | None = None
    against: str | None = None
    against_seed_file: Path | None = None
    claim: Claim | None = None
    """Who asks for the stack's lock; None leaves it alone."""
    file_ending: str = ""
    """Between a scenario's name and `.json`, such as `.repeat-1`; no option, `confirm` sets it."""

    @property
    def writes_remotely(self) -> bool:
        """Whether k6's metrics go to Prometheus while the load runs."""
        return self.remote_write or self.native_histograms

    @property
    def every_output(self) -> tuple[str, ...]:
        """All outputs of k6."""
        return (*self.outputs, *([OUTPUT] if self.writes_remotely else []))

    def run_file(self, scenario: str) -> Path:
        """Where a scenario's run is written, or what this machine has of it."""
        if self.shard is not None:
            return shard_file(self.out, scenario, *self.shard)
        return self.out / "runs" / f"{scenario}{self.file_ending}.json"

    def settling_s(self, load: Load) -> float:
        """Seconds between a load's end and the checks after it."""
        return usual_rest_s(load) if self.settle is None else self.settle

    def pausing_s(self, load: Load) -> float:
        """Seconds between a load's checks and the next scenario."""
        return usual_rest_s(load) if self.pause is None else self.pause


def setting(text: str) -> tuple[str, Parameter]:
    """A scenario's parameter; a value that reads as a number or as true or false is one."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigurationError(f"{text!r} is not NAME=VALUE", where="--set", remedy="Give one such as readers=40.")
    if value in ("true", "false"):
        return name, value == "true"
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


def apply(load: Load, options: LoadOptions, *, scenario: str, others: Iterable[Load] = ()) -> Load:
    """The load after the options, with the phases placed one after the other.

    Args:
        load: The profile's.
        options: What was given; what this load has no place for and one beside it has, is that one's.
        scenario: Its name.
        others: The profile's loads of the other scenarios that were asked for.

    Raises:
        ConfigurationError: A value was given that no load has a place for, or no phase is left.
    """
    _check_places(load, options, scenario, tuple(others))
    phases = _levelled(load, options)
    phases = tuple(
        phase.model_copy(update={"duration_s": options.durations_s.get(phase.name, phase.duration_s)})
        for phase in phases
        if options.durations_s.get(phase.name, phase.duration_s) > 0
    )
    if not phases:
        raise ConfigurationError("no phase is left", where=scenario, remedy="Leave at least one duration above 0.")
    return load.model_copy(
        update={
            "phases": placed(_cooling_from_where_it_is(phases)),
            "pace_s": load.pace_s if options.pace is None else options.pace,
            "windows": options.windows or load.windows,
            "request_timeout_s": options.request_timeout or load.request_timeout_s,
            "parameters": {name: options.settings.get(name, value) for name, value in load.parameters.items()},
        }
    )


def placed(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """The phases with their starts: each at the sum of the durations before it."""
    start = 0.0
    result = []
    for phase in phases:
        result.append(phase.model_copy(update={"start_s": round(start, 6)}))
        start += phase.duration_s
    return tuple(result)


def _check_places(load: Load, options: LoadOptions, scenario: str, others: tuple[Load, ...]) -> None:
    elsewhere = [_unused_options(other, options) for other in others]
    wrong = [text for text in _unused_options(load, options) if all(text in texts for texts in elsewhere)]
    wrong += [
        f"--set {name}: {value!r} is not {_KINDS[type(load.parameters[name])]}"
        for name, value in options.settings.items()
        if name in load.parameters and not _fits(value, load.parameters[name])
    ]
    if wrong:
        known = ", ".join(load.parameters) or "none"
        names = ", ".join(phase.name for phase in load.phases)
        raise ConfigurationError(
            "; ".join(wrong),
            where=f"{scenario}: phases {names}; parameters {known}",
            remedy="Leave it out, or choose another scenario or profile.",
        )


def _unused_options(load: Load, options: LoadOptions) -> list[str]:
    """What was given and has no place in a load; to leave out a phase that is not there is no mistake."""
    names = [phase.name for phase in load.phases]
    has_vus = any(phase.vus for phase in load.phases)
    has_rate = any(phase.rate for phase in load.phases)
    has_iterations = any(phase.iterations for phase in load.phases)
    return [
        *(f"--{name}: there is no such phase" for name, s in options.durations_s.items() if s and name not in names),
        *(["--vus: this load is arrivals only"] if options.vus is not None and not has_vus else []),
        *(["--rate: this load has no arrivals"] if options.rate is not None and not has_rate else []),
        *(["--spike-vus: no spike of VUs"] if options.spike_vus is not None and not _spikes(load, "vus") else []),
        *(["--spike-rate: no spike of arrivals"] if options.spike_rate and not _spikes(load, "rate") else []),
        *(["--iterations: no phase ends after a number of them"] if options.iterations and not has_iterations else []),
        *(f"--set {name}: unknown" for name in options.settings if name not in load.parameters),
    ]


def _fits(value: Parameter, profiles: Parameter) -> bool:
    """Whether a parameter is of the kind that the profile gives it; the scripts refuse another, NaN upsets the plan."""
    if isinstance(profiles, bool) or isinstance(value, bool) or isinstance(profiles, str):
        return type(value) is type(profiles)
    return isinstance(value, int | float) and 0 <= value <= _LARGEST


def _spikes(load: Load, what: str) -> bool:
    spike = load.phase(SPIKE)
    return spike is not None and getattr(spike, what) is not None


def _levelled(load: Load, options: LoadOptions) -> tuple[Phase, ...]:
    """Every phase with the new levels: of the spike in the spike, of the sustained phase elsewhere."""
    result = []
    for phase in load.phases:
        spike = phase.name == SPIKE
        update: dict[str, float | int] = {}
        for name, given in (
            ("vus", options.spike_vus if spike else options.vus),
            ("rate", options.spike_rate if spike else options.rate),
        ):
            if given is not None and getattr(phase, name) is not None:
                for end in (f"from_{name}", f"to_{name}"):
                    if getattr(phase, end):
                        update[end] = given
        if options.herd is not None and phase.name == SUSTAINED:
            update["herd"] = options.herd
        if options.iterations and phase.iterations:
            update["iterations"] = options.iterations
        result.append(phase.model_copy(update=update))
    return tuple(result)


def _cooling_from_where_it_is(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """A last phase that falls to 0 begins where the one before it ends, whatever became of that one."""
    if len(phases) < 2:  # noqa: PLR2004 - a phase and the one before it
        return phases
    before, last = phases[-2:]
    update: dict[str, float | int | None] = {}
    if last.to_vus == 0 and last.from_vus and before.to_vus is not None:
        update["from_vus"] = before.to_vus
    if last.to_rate == 0 and last.from_rate and before.to_rate is not None:
        update["from_rate"] = before.to_rate
    return (*phases[:-1], last.model_copy(update=update))


def describe(load: Load) -> dict[str, str | int | float | bool]:
    """The load's values by name, flat, as they stand in the fingerprint."""
    values: dict[str, str | int | float | bool] = {"pace_s": load.pace_s}
    for phase in load.phases:
        values[f"{phase.name}_s"] = phase.duration_s
        if phase.to_vus is not None and phase.from_vus is not None:
            values[f"{phase.name}_vus"] = max(phase.from_vus, phase.to_vus)
        if phase.to_rate is not None and phase.from_rate is not None:
            values[f"{phase.name}_per_s"] = max(phase.from_rate, phase.to_rate)
        if phase.herd:
            values[f"{phase.name}_herd"] = True
        if phase.iterations is not None:
            values[f"{phase.name}_iterations"] = phase.iterations
    if load.phase(SUSTAINED) is not None:
        values["windows"] = load.window_count
    return {**values, "request_timeout_s": load.request_timeout_s, **load.parameters}


OUTPUT: Final = "experimental-prometheus-rw"
PREFIX: Final = "K6_PROMETHEUS_RW_"
URL: Final = f"{PREFIX}SERVER_URL"
RECEIVER: Final = "/api/v1/write"
STATISTICS: Final = "count,sum,avg,min,max,p(50),p(95),p(99)"
"""What k6 says of a Trend; of its own accord it would say the p99 alone."""


def settings(environment: Mapping[str, str], target: Target, *, native_histograms: bool) -> dict[str, str]:
    """K6's variables for this output: those that are set, with ours where they are silent.

    Args:
        environment: The process's variables; credentials come by `K6_PROMETHEUS_RW_USERNAME` and `_PASSWORD`, or
            `_BEARER_TOKEN`.
        target: Its Prometheus is written to where no URL is set.
        native_histograms: Send Trends as native histograms, which the receiver must have switched on.

    Raises:
        ConfigurationError: There is nowhere to write to, or the URL is none.
    """
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
    url = given.get(URL) or (f"{target.prometheus}{RECEIVER}" if target.prometheus else "")
    if not url:
        raise ConfigurationError(
            "there is no Prometheus to write to",
            where=f"--remote-write, and {URL} is empty",
            remedy=f"Set {URL} to the address that ends in {RECEIVER}, or give the target's Prometheus.",
        )
    check_url(url, where=URL, query=True)
    ours = {f"{PREFIX}TREND_STATS": STATISTICS, f"{PREFIX}STALE_MARKERS": "true"}
    native = {f"{PREFIX}TREND_AS_NATIVE_HISTOGRAM": "true"} if native_histograms else {}
    return {**ours, **native, **given, URL: url}


def labels(run_id: str, scenario: str, environment: str, segment: int, segments: int) -> dict[str, str]:
    """What every series of a run carries beside k6's `name`, `phase`, `status` and `window`; nothing that names a node.

    Processes that share a load need a label of their own, since two writers of one series overwrite each other.
    """
    shared = {"run_id": run_id, "load": scenario, "environment": environment}
    return {**shared, "segment": str(segment)} if segments > 1 else shared


_SCENARIOS = {"BOOT": "boot_storm", "CLOUDINIT": "cloud_init_storm", "INVENTORY": "inventory_scale"}
_THRESHOLDS = {"P99_TARGET_MS": "p99", "ERROR_RATE_MAX": "errors"}


def refuse_thresholds(environment: Mapping[str, str], baselines: Path) -> None:
    """Stop if a variable would set a threshold.

    Args:
        environment: The process's variables.
        baselines: The file that holds the targets; need not exist.

    Raises:
        ConfigurationError: Names the variable, and the line of the file that decides instead.
    """
    for prefix, scenario in _SCENARIOS.items():
        for suffix, metric in _THRESHOLDS.items():
            variable = f"{prefix}_{suffix}"
            if environment.get(variable):
                raise ConfigurationError(
                    f"{variable} sets a threshold, which load does not take",
                    where=f"{variable}={environment[variable]}",
                    remedy=f"Unset it. {scenario} {metric} is decided by {_place(baselines, scenario, metric)}.",
                )


def _place(baselines: Path, scenario: str, metric: str) -> str:
    """The file, with the line of the metric's rule: the scenario's own, else the first, else none."""
    try:
        lines = bounds.read(baselines).splitlines()
    except (OSError, ValueError):
        return str(baselines)
    start = _line_of(lines, scenario, after=0)
    line = _line_of(lines, metric, after=start or 0) or _line_of(lines, metric, after=0)
    return f"{baselines}, line {line}" if line else str(baselines)


def _line_of(lines: Sequence[str], key: str, *, after: int) -> int | None:
    """The first line from the given one on that opens an object of this key; lines count from 1."""
    opening = f'"{key}": {{'
    return next((n for n, text in enumerate(lines[after:], start=after + 1) if opening in text), None)


REST_S = 30.0
"""Between a load and a look at the stack: what lingers is to show."""
REST_SHARE = 0.05
"""Of the load's duration: a load of some seconds leaves nothing that takes half a minute to show."""


@dataclass(frozen=True, slots=True)
class Job:
    """The options of one call of `load`, and what they come to."""

    options: LoadOptions
    target: Target
    seed: Seed
    profile: Profile
    k6: K6Binary
    output_settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    """k6's variables for its outputs; credentials among them."""
    subject_token: SecretStr | None = None
    """Somebody else's token, which `auth_under_load` exchanges with the grant of that name."""
    share: Share | None = None
    """What this machine does of a load that several share; None for all of it."""


def usual_rest_s(load: Load) -> float:
    """Seconds after a load where nobody gave any."""
    return min(REST_S, REST_SHARE * load.duration_s)
