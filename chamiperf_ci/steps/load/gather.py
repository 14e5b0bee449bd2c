"""What several machines measured of one load, put together as one run; a shard that is not as it must be is named.

Nothing is ever scaled up for a shard that is missing: less load makes a stack look faster.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from chamiperf_ci.adapters.bounds import LimitExceededError, files_below
from chamiperf_ci.adapters.files import PRODUCER, read_document, write_document
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import GeneratorHealth, ObjectCount, Run, RunProblem
from chamiperf_ci.models.shard import ShardRun, shard_name
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.load import merging, validity
from chamiperf_ci.steps.load.documents import phase_outcomes, series_of
from chamiperf_ci.steps.load.request import forget
from chamiperf_ci.steps.load.shards import CLOCK_OFF_S
from chamiperf_ci.steps.load.validity import MOST_SAMPLES
from chamiperf_ci.steps.load.volume import in_order, planned_arrivals

_LATE_SHARE = 0.1
"""Of a window: a shard that begins later than that has put its requests into the wrong ones."""
_LATE_LEAST_S = 0.1
_OF_THE_WHOLE = frozenset(
    {
        RunReason.GENERATOR_SATURATED,
        RunReason.DROPPED_ITERATIONS,
        RunReason.LOAD_NOT_REACHED,
        RunReason.THROTTLED,
        RunReason.AUTH_EXPIRED,
        RunReason.SHARD_MISSING,
    }
)
"""Problems that are decided anew, from what all shards say together."""


@dataclass(slots=True)
class _Gathered:
    """The shards of one scenario, sorted out."""

    of: int
    fit: list[ShardRun] = field(default_factory=list)
    """Those that belong together, in order; with figures."""
    problems: list[RunProblem] = field(default_factory=list)
    """One for each shard that does not."""

    def refuse(self, text: str) -> None:
        """Note a shard that is not part of the run."""
        self.problems.append(RunProblem(reason=RunReason.SHARD_MISSING, text=text))


def read_shards(paths: Iterable[Path]) -> list[ShardRun]:
    """The shards in files and folders.

    Raises:
        ConfigurationError: A path is not there or no shard, there is none at all, or one occurs twice.
    """
    files = _files(paths)
    if not files:
        raise ConfigurationError(
            "there are no shard files",
            where=", ".join(map(str, paths)),
            remedy="Give the files that `chamiperf load --shard 2/3` writes into shards/, or their folder.",
        )
    found: dict[tuple[str, int, int], tuple[Path, ShardRun]] = {}
    for file in files:
        shard = read_document(file, ShardRun, remedy="Write it again with `chamiperf load --shard 2/3`.")
        key = (shard.run.scenario, shard.shard.index, shard.shard.of)
        if key in found:
            raise ConfigurationError(
                f"{shard.name} of {shard.run.scenario} occurs twice",
                where=f"{found[key][0]} and {file}",
                remedy="Remove one of the two.",
            )
        found[key] = (file, shard)
    return [shard for _, shard in found.values()]


def forget_older(out: Path, paths: Iterable[Path]) -> None:
    """Remove the older runs of the scenarios that shards are named after, so that a refusal leaves none to be judged.

    Raises:
        ConfigurationError: One cannot be removed.
    """
    forget(out, in_order(file.name.partition(".")[0] for file in _files(paths)))


_DEEPEST = 4
"""Folders below the one that is given: a download holds a folder a job, and in it `out/shards`."""


def _files(paths: Iterable[Path]) -> list[Path]:
    return [file for path in paths for file in ([path] if path.is_file() else sorted(_below(path)))]


def _below(folder: Path) -> Iterator[Path]:
    try:
        names = (each for each in files_below(folder, deepest=_DEEPEST) if fnmatchcase(each, "*.shard-*.json"))
        yield from (folder / each for each in names)
    except (LimitExceededError, OSError) as error:
        raise ConfigurationError(
            f"the folder cannot be searched for shards: {error.strerror if isinstance(error, OSError) else error}",
            where=str(folder),
            remedy="Give the folder that holds the shards alone.",
        ) from error


def by_scenario(shards: Sequence[ShardRun]) -> Iterator[tuple[str, list[ShardRun]]]:
    """The shards of each scenario, in the order in which their loads began."""
    for scenario in dict.fromkeys(each.run.scenario for each in sorted(shards, key=lambda each: each.run.started_at)):
        yield scenario, [each for each in shards if each.run.scenario == scenario]


def write_run(shards: Sequence[ShardRun], out: Path) -> tuple[Run, Path]:
    """Put one scenario's shards together and write the run; the shards' own files stay.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    run = whole(shards)
    path = out / "runs" / f"{run.scenario}.json"
    write_document(path, run)
    return run, path


def whole(shards: Sequence[ShardRun]) -> Run:
    """One scenario's shards as one run, which is invalid where one of them is lost, late, foreign or off the clock.

    Args:
        shards: At least one; each index once.
    """
    sorted_out = _select_shards(shards)
    fit = sorted_out.fit
    first = next(iter(fit or sorted(shards, key=lambda each: each.shard.index)))
    parts = [each.summary for each in fit if each.summary is not None]
    summary, unsure, said = merging.merged(parts, of=len(parts))
    those = fit or [first]
    problems = [
        *sorted_out.problems,
        *(
            problem.model_copy(update={"text": f"{each.name}: {problem.text}"})
            for each in shards
            for problem in each.run.problems
            if problem.reason not in _OF_THE_WHOLE
        ),
    ]
    run = first.run.model_copy(
        update={
            "producer": PRODUCER,
            "started_at": min(each.run.started_at for each in those),
            "ended_at": max(each.run.ended_at for each in those),
            "complete": len(fit) == sorted_out.of and all(each.run.complete for each in fit),
            "fingerprint": first.run.fingerprint.model_copy(
                update={
                    "machine_class": " + ".join(sorted({each.run.fingerprint.machine_class for each in those})),
                    "scenario_version": 0 if summary is None else summary.scenario_version,
                    "shards": sorted_out.of,
                }
            ),
            "machine": first.run.machine.model_copy(
                update={
                    name: _most(getattr(each.run.machine, name) for each in those)
                    for name in ("foreign_cpu_percent", "foreign_cpu_percent_busiest_quarter")
                }
            ),
            "failures": tuple(sample for each in those for sample in each.run.failures)[:MOST_SAMPLES],
            "server": next((each.run.server for each in those if each.run.server), ()),
            "statements": next((each.run.statements for each in those if each.run.statements), ()),
            "checks": next((each.run.checks for each in those if each.run.checks), ()),
            "injected_faults": tuple(dict.fromkeys(fault for each in those for fault in each.run.injected_faults)),
            "warnings": tuple(dict.fromkeys([*said, *_warnings(those)])),
            "uncertain": unsure,
            "problems": tuple(problems),
        }
    )
    if summary is None:
        return run
    health = _health(fit)
    phases = phase_outcomes(run.plan, summary, ())
    sustained = next((phase for phase in phases if phase.name == SUSTAINED), None)
    # With a shard that is missing, that the load was not reached says nothing new.
    decided = validity.problems(
        summary,
        run.plan,
        health,
        None if sorted_out.problems else sustained,
        arrivals=planned_arrivals(run.plan),
    )
    left_behind = [rows for each in fit for rows in _rows(each)]
    return run.model_copy(
        update={
            "problems": (*problems, *decided),
            "phases": phases,
            "series": tuple(series_of(each) for each in summary.series),
            "traffic": summary.traffic,
            "scalars": summary.scalars,
            "objects": (*summary.objects, *_summed(left_behind)),
            "generator": health,
            "unavailable": summary.unavailable,
            "warnings": tuple(dict.fromkeys([*run.warnings, *summary.warnings])),
        }
    )


def _select_shards(shards: Sequence[ShardRun]) -> _Gathered:
    began = [each.summary.clock.began_at for each in shards if each.summary is not None]
    first = min((at for at in began if at is not None), default=None)
    usual, of = _usual_plan(shards), Counter(each.shard.of for each in shards).most_common(1)[0][0]
    gathered = _Gathered(of)
    there = {each.shard.index for each in shards if each.shard.of == of}
    for index in range(of):
        if index not in there:
            gathered.refuse(f"{shard_name(index, of)} is missing: it left no file")
    for each in sorted(shards, key=lambda each: each.shard.index):
        why = "; ".join(_rejection_reason(each, of, usual, first))
        if why:
            gathered.refuse(f"{each.name} {why}")
        else:
            gathered.fit.append(each)
    return gathered


def _rejection_reason(shard: ShardRun, of: int, usual: Mapping[str, Any], first: float | None) -> Iterator[str]:
    """Why a shard is no part of the run; nothing where it is."""
    plan, summary = _comparable(shard), shard.summary
    if shard.shard.of != of:
        yield f"is one of {shard.shard.of}, and the others are of {of}"
    if plan != usual:
        yield f"is of another plan: {_difference(plan, usual)}"
    if summary is None:
        why = "; ".join(problem.text for problem in shard.run.problems)
        yield f"measured nothing{f': {why}' if why else ''}"
        return
    clock = summary.clock
    if abs(clock.offset_s) > CLOCK_OFF_S:
        yield f"has a clock that is off by {clock.offset_s:+.1f} s; at most {CLOCK_OFF_S:.0f} s can be reckoned with"
    start = first if clock.start_at is None else clock.start_at
    if start is None or clock.began_at is None:
        yield "did not begin"
    elif (late_s := clock.began_at - start) > (tolerated_s := _tolerated_s(shard)):
        yield f"began {late_s:.1f} s late; {tolerated_s:.1f} s are tolerated"


def _tolerated_s(shard: ShardRun) -> float:
    window_s = shard.run.plan.window_s
    return min(CLOCK_OFF_S, max(_LATE_LEAST_S, _LATE_SHARE * window_s)) if window_s else CLOCK_OFF_S


def _usual_plan(shards: Sequence[ShardRun]) -> dict[str, Any]:
    """The plan of most shards; of the first of them where no plan has more than another."""
    plans = [_comparable(each) for each in sorted(shards, key=lambda each: each.shard.index)]
    return max(plans, key=plans.count)


def _comparable(shard: ShardRun) -> dict[str, Any]:
    """The plan without what may differ from machine to machine: where a client certificate lies."""
    return shard.plan.model_dump(mode="json", exclude={"tls": {"certificate_file", "key_file"}})


def _difference(plan: object, usual: object, path: str = "") -> str:
    """The first place in which two plans differ, with both values."""
    if isinstance(plan, dict) and isinstance(usual, dict):
        for name in {**plan, **usual}:
            if plan.get(name) != usual.get(name):
                return _difference(plan.get(name), usual.get(name), f"{path}.{name}" if path else name)
    if isinstance(plan, list) and isinstance(usual, list) and len(plan) == len(usual):
        place = next(n for n, (one, other) in enumerate(zip(plan, usual, strict=True)) if one != other)
        return _difference(plan[place], usual[place], f"{path}[{place}]")
    return f"{path} is {plan!r}, and {usual!r} in the others"[:300]


def _warnings(shards: Sequence[ShardRun]) -> Iterator[str]:
    """What each shard warns of, and what differs between their machines."""
    for each in shards:
        yield from each.run.warnings
    first = shards[0].run
    for each in shards[1:]:
        for what, there, here in (
            ("k6", each.run.fingerprint.k6_version, first.fingerprint.k6_version),
            ("the stack", each.run.identities, first.identities),
        ):
            if there != here:
                yield f"{each.name} saw another version of {what} than {shards[0].name}"


def _health(shards: Sequence[ShardRun]) -> GeneratorHealth:
    """The generators together: what adds up is added, and the worst of them decides."""
    every = [(each.name, each.run.generator) for each in shards]
    known = [(name, health) for name, health in every if health is not None]
    latest = max((health for _, health in known), key=lambda health: health.late_ms or 0.0)
    return latest.model_copy(
        update={
            "cpu_percent_p95": sum(health.cpu_percent_p95 for _, health in known),
            "machine_cpu_percent_p95": max(health.machine_cpu_percent_p95 for _, health in known),
            "cores": sum(health.cores for _, health in known),
            "rss_mb_max": sum(health.rss_mb_max for _, health in known),
            "dropped_iterations": sum(health.dropped_iterations for _, health in known),
            "overrun_ms_p99": max(health.overrun_ms_p99 for _, health in known),
            "stall_ms_max": max(health.stall_ms_max for _, health in known),
            "time_series": max(health.time_series for _, health in known),
            "saturated": any(health.saturated for _, health in known),
            "reasons": tuple(f"{name}: {reason}" for name, health in known for reason in health.reasons),
        }
    )


def _rows(shard: ShardRun) -> Iterator[ObjectCount]:
    """What requests left behind beside the script's own objects."""
    own = set() if shard.summary is None else {each.kind for each in shard.summary.objects}
    yield from (each for each in shard.run.objects if each.kind not in own)


def _summed(rows: Sequence[ObjectCount]) -> Iterator[ObjectCount]:
    for kind in dict.fromkeys(each.kind for each in rows):
        those = [each for each in rows if each.kind == kind]
        yield ObjectCount(kind=kind, created=sum(each.created for each in those), left=sum(each.left for each in those))


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
