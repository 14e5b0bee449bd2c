"""What a person should look at in a baselines file: edits by hand, metrics without a gate, age, overrides, expiries.

Whether the file is valid at all is asked when it is read; what a change of it weakens is `weakening`'s question.
"""

import difflib
from collections.abc import Iterator, Sequence
from datetime import date

from chamiperf_ci.models.baselines import Baselines, EnvironmentBaseline
from chamiperf_ci.models.run import Run
from chamiperf_ci.render.baseline_findings import Finding, Gravity
from chamiperf_ci.steps.baselines.entry import is_compared, row_of
from chamiperf_ci.steps.baselines.weakening import name_of, weakened
from chamiperf_ci.steps.compare.measurements import measure
from chamiperf_ci.steps.load.catalogue import SCENARIOS
from chamiperf_ci.verdict.baseline_health import RUNS_WANTED, is_old


def check(
    baselines: Baselines, *, today: date, base: Baselines | None = None, runs: Sequence[Run] = ()
) -> tuple[Finding, ...]:
    """Return everything that a person should look at.

    Args:
        baselines: The file.
        today: For ages and expiries.
        base: The file as it was, such as on the branch to merge into; without it nothing is called weakened.
        runs: Runs whose metrics must all be gated, such as the last night's.
    """
    found = [Finding(Gravity.BROKEN, "edited by hand", text) for text in baselines.edited_by_hand()]
    found += _misnamed(baselines)
    found += _coverage(baselines, runs)
    found += _state(baselines, today)
    if base is not None:
        found += weakened(base, baselines)
    return tuple(found)


def _misnamed(baselines: Baselines) -> Iterator[Finding]:
    """Rules and acknowledgements of a scenario that does not exist: they look like a gate and are none."""
    named = [(f"rules, {name}", name) for name in baselines.rules.scenarios]
    named += [(f"acknowledgement of {name_of(problem)}", problem.scenario) for problem in baselines.acknowledgements]
    for where, name in named:
        if name not in SCENARIOS:
            near = difflib.get_close_matches(name, SCENARIOS, n=1)
            now = f"is {near[0]} meant?" if near else "there is no such scenario"
            yield Finding(Gravity.BROKEN, "no such scenario", where, now=now)


def _coverage(baselines: Baselines, runs: Sequence[Run]) -> Iterator[Finding]:
    """Measured metrics that nothing is held against, and nobody wrote down why."""
    for run in runs:
        accepted = baselines.accepted(run.fingerprint)
        for found in measure(run):
            key, kind = found.key, run.fingerprint.stack_kind
            row = row_of(found) if run.valid and is_compared(found, baselines, kind) else None
            policy = baselines.policy(key.scenario, key.endpoint, key.metric, key.phase, stack_kind=kind)
            if row is None or policy.exempt or (accepted is not None and accepted.rows(*row.key)):
                continue
            yield Finding(
                Gravity.BROKEN if accepted is not None else Gravity.NOTE,
                "measured without a baseline",
                key.text,
                now="accept a run that measures it, or write `exempt` with the reason",
            )


def _state(baselines: Baselines, today: date) -> Iterator[Finding]:
    for key, entry in sorted(baselines.accepted_runs.items()):
        newest = entry.newest
        if newest is not None and is_old((today - newest.date()).days):
            age = f"{(today - newest.date()).days} days"
            yield Finding(Gravity.NOTE, "old baseline", key, now=f"newest run {newest:%Y-%m-%d}, {age} ago")
        if len(entry.runs) < RUNS_WANTED:
            yield Finding(Gravity.NOTE, "thin baseline", key, now=f"{len(entry.runs)} of {RUNS_WANTED} runs")
        for run in entry.runs:
            for text in run.overrides:
                yield Finding(Gravity.NOTE, f"overruled by {run.who}", f"{key}, run {run.run_id}", now=text)
        yield from _vanished(key, entry)
    for problem in baselines.acknowledgements:
        if problem.expires < today:
            yield Finding(Gravity.NOTE, "acknowledgement expired", name_of(problem), now=f"{problem.expires}")


def _vanished(key: str, entry: EnvironmentBaseline) -> Iterator[Finding]:
    """Metrics that older accepted runs have and the newest has not."""
    latest = {row.key for row in max(entry.runs, key=lambda run: run.started_at).rows} if entry.runs else set()
    for endpoint, metric, phase in entry.row_keys:
        if (endpoint, metric, phase) not in latest:
            yield Finding(Gravity.NOTE, "not in the newest accepted run", f"{key}: {endpoint} {metric} {phase}")
