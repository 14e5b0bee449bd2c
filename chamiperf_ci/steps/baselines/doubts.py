"""What a reviewer of a baseline should think about before it is accepted; none of it is refused."""

from chamiperf_ci.models.baselines import AcceptedRun, Baselines, EnvironmentBaseline
from chamiperf_ci.render.numbers import counted
from chamiperf_ci.steps.compare.measurements import ERRORS, STALLED
from chamiperf_ci.verdict.baseline_health import outlying_runs
from chamiperf_ci.verdict.metric_class import PRIOR_SD, is_quantity


def doubts(key: str, entry: EnvironmentBaseline, baselines: Baselines) -> tuple[str, ...]:
    """Return sentences about a baseline's runs: outliers, different builds, several of one day; empty for a good one.

    Args:
        key: The fingerprint's name.
        entry: The baseline as it would be.
        baselines: The rules, which say of which class a metric is.
    """
    runs = entry.runs
    found = [
        f"{key}: run {runs[place].run_id} lies more than 3 sigma from the others: {' '.join(row)}"
        for row, places in _outliers(entry, baselines)
        for place in places
    ]
    if len({_builds(run) for run in runs}) > 1:
        found.append(f"{key}: the accepted runs are of different builds")
    days = {run.started_at.date() for run in runs}
    if len(runs) > 1 and len(days) < len(runs):
        nights = counted(len(days), "day")
        found.append(f"{key}: {len(runs)} runs from {nights}; nights differ more than runs of one sitting")
    return tuple(found)


def _outliers(entry: EnvironmentBaseline, baselines: Baselines) -> list[tuple[tuple[str, str, str], tuple[int, ...]]]:
    found = []
    for key in entry.row_keys:
        endpoint, metric, phase = key
        rows = entry.rows(*key)
        if (
            metric in (ERRORS, STALLED)
            or len(rows) < len(entry.runs)
            or not all(is_quantity(row.value) for row in rows)
        ):
            continue
        fingerprint = entry.fingerprint
        policy = baselines.policy(fingerprint.scenario, endpoint, metric, phase, stack_kind=fingerprint.stack_kind)
        if places := outlying_runs([row.value for row in rows], prior_sd=PRIOR_SD[policy.metric_class]):
            found.append((key, places))
    return found


def _builds(run: AcceptedRun) -> tuple[tuple[str, str, str, str], ...]:
    return tuple(sorted((one.service, one.version, one.commit, one.image) for one in run.identities))
