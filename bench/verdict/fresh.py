"""Series that nobody had seen when the rule was chosen: shuffled, in time order, and by the windows of a run.

They lie in `fresh/` of the folder that CHAMIPERF_VERDICT_DATA names (verdict.md section 12); their licences were not
checked, so that they are in no repository, and without the folder their rows are left out.
"""

import csv
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.verdict.fast import THETA, Drawn, Flags, draw, in_order, judge, share
from bench.verdict.required import FALSE_NIGHTS_AT_MOST, Shortfalls
from bench.verdict.series import Floats, Source, residuals
from chamiperf_ci.models.vocabulary import MetricClass, Statistic
from chamiperf_ci.verdict.change import LARGEST_P, change, smallest_found
from chamiperf_ci.verdict.night import survivors
from chamiperf_ci.verdict.statistic import prior_sd, tails

SEED = 20251129
FALSE_AT_MOST, THIN_FALSE_AT_MOST = 1.2, 4.0
CLAIMED_AT_LEAST, CLAIMED_AT_MOST = 75.0, 92.0
WINDOWS_FALSE_AT_MOST = {"p50": 0.5, "p95": 1.0}
EFFECTS = (0.2, 0.3, 0.5, 1.0)
NIGHTS = 14
CUSUM_SLACK, CUSUM_CLIP = 0.5, 2.0
_SHORTEST = 30
_COMMON = 60
_BY_WINDOWS = "median-of-windows/None"


@dataclass(frozen=True)
class FreshSource:
    """A source with its series in time order (logs, up is worse), and how its numbers were formed."""

    name: str
    metric_class: MetricClass
    statistic: Statistic
    series: tuple[Floats, ...]

    @property
    def prior(self) -> float:
        """s0, as a row of it would have."""
        return prior_sd(self.metric_class, self.statistic)

    @property
    def shuffled(self) -> Source:
        """The same as residuals without a neighbourhood, for trials whose truth is known."""
        groups = (residuals(y) for y in self.series)
        return Source(self.name, self.metric_class, tuple(one[~np.isnan(one)][:, None] for one in groups))


def folder() -> Path | None:
    """Where the fresh series lie; None where they are not to be had."""
    named = os.environ.get("CHAMIPERF_VERDICT_DATA")
    found = (Path(named) if named else Path(__file__).parents[3] / "shared" / "verdict-data") / "fresh"
    return found if found.is_dir() else None


def fresh_sources(place: Path) -> Iterator[FreshSource]:
    """Yield the fresh sources."""
    gatling = _rows(place / "apicurio_gatling.csv")
    for name, metric_class, how in (
        ("p50", MetricClass.P50, Statistic.MEDIAN_OF_WINDOWS),
        ("p95", MetricClass.P95, Statistic.MEDIAN_OF_WINDOWS),
        ("p99", MetricClass.P99, Statistic.POOLED),
    ):
        mine = [each for each in gatling if each["statistic"] == name and each["how"] == f"{how}/None"]
        yield FreshSource(f"Gatling nights {name}", metric_class, how, _series(mine, shortest=_SHORTEST))
    weekly = _rows(place / "fastify_autocannon.csv")
    rates = [each for each in weekly if each["statistic"] == "requests"]
    latencies = [each for each in weekly if each["statistic"] == "latency"]
    whole = Statistic.VALUE
    yield FreshSource("weekly rates, hosted", MetricClass.THROUGHPUT, whole, _series(rates, sign=-1.0))
    yield FreshSource("weekly latencies, hosted", MetricClass.P50, whole, _series(latencies))
    yield FreshSource("three repositories, hosted", MetricClass.P50, whole, _series(_rows(place / "gha_more.csv")))


def notes(trials: int, shortfalls: Shortfalls) -> list[str]:
    """Return what the fresh series say of the rule, and note what falls short."""
    place = folder()
    if place is None:
        return ["fresh series: left out, CHAMIPERF_VERDICT_DATA names no folder with fresh/"]
    known = list(fresh_sources(place))
    found = [_source_note(source, trials, shortfalls) for source in known]
    found += _whole_nights(place, max(50, trials // 8), shortfalls)
    found += _window_notes(place, trials, shortfalls)
    found += _cusum_notes(known, trials // 2)
    return found


def _source_note(source: FreshSource, trials: int, shortfalls: Shortfalls) -> str:
    drawn = draw(source.shuffled, trials, SEED)
    alone = judge(drawn.baseline, drawn.current, source.prior, drawn.history)
    false = share(alone.regressions())
    power = [
        share(judge(drawn.baseline, drawn.slowed(effect), source.prior, drawn.history).regressions())
        for effect in EFFECTS
    ]
    least = math.log(2.0) if source.statistic is Statistic.POOLED else math.log(1.5)
    thin = share(judge(drawn.baseline[:, :1], drawn.current, source.prior).regressions(thin_at_least=least))
    first = judge(drawn.baseline, drawn.current[:, :1], source.prior, drawn.history)
    claimed, over = _claims(source, drawn, trials // 3)
    shortfalls.at_most(f"{source.name}: false rows, %", false, FALSE_AT_MOST)
    shortfalls.at_most(f"{source.name}: false rows with one baseline run, %", thin, THIN_FALSE_AT_MOST)
    if not math.isnan(claimed):
        shortfalls.at_least(f"{source.name}: found at the claimed size, %", claimed, CLAIMED_AT_LEAST)
    if not math.isnan(over):
        shortfalls.at_most(
            f"{source.name}: found at the claimed size, noisier than the prior, %", over, CLAIMED_AT_MOST
        )
    ordered = _in_time(source, trials)
    return (
        f"{source.name}: false {false:.2f}, found at +20/30/50/100 {' / '.join(f'{each:.0f}' for each in power)}, "
        f"undecided after one run {share(first.high >= THETA):.0f}; one baseline run: false {thin:.2f}; found at the "
        f"claimed size {claimed:.0f} (where noisier than the prior {over:.0f}); in time order false {ordered:.1f}"
    )


def _whole_nights(place: Path, nights: int, shortfalls: Shortfalls) -> list[str]:
    """Percent of nights with a false row among rows of common dates: shuffled, and in time order.

    Every row has three runs, where a night would repeat two scenarios. In time order the baseline is renewed every 30
    nights, tonight's runs are those of three nights in a row, and versions may have changed: an upper bound.
    """
    found = []
    kinds = {"Gatling": ("apicurio_gatling.csv", {"p50", "p95"}), "weekly, hosted": ("fastify_autocannon.csv", None)}
    kinds["three repositories"] = ("gha_more.csv", None)
    for name, (file, statistics) in kinds.items():
        rows = [row for row in _rows(place / file) if statistics is None or row["statistic"] in statistics]
        for prior, runs in _of_common_dates(rows):
            left = np.array([residuals(y) for y in runs.T]).T
            left = left[~np.isnan(left).any(axis=1)]
            random = np.random.default_rng(SEED)
            drawn = [left[random.permutation(len(left))[:38]] for _ in range(nights)]
            shuffled = 100 * float(np.mean([_false_night(night, prior) for night in drawn]))
            ordered = [
                _false_night(np.concatenate((runs[start : start + 5], runs[tonight - 30 : tonight + 3])), prior)
                for tonight in range(35, len(runs) - 3)
                for start in [tonight - 35 - (tonight - 35) % 30]
            ]
            most = _percent(ordered) if ordered else math.nan
            found.append(
                f"whole nights of {len(prior)} rows, {name}: a false row in {shuffled:.1f} shuffled, in {most:.1f} of "
                f"{len(ordered)} in time order"
            )
            shortfalls.at_most(
                f"{name}, nights of {len(prior)} rows with a false row, %", shuffled, FALSE_NIGHTS_AT_MOST
            )
    return found


def _false_night(runs: Floats, prior: Floats) -> bool:
    """Whether a row of one night is called; `runs`: 5 accepted, 30 before, 3 now (rows) of each series (columns)."""
    called = []
    p_values = []
    for spread in sorted(set(prior.tolist())):
        mine = runs[:, prior == spread].T
        alone = judge(mine[:, :5], mine[:, 35:], spread, mine[:, 5:35])
        called += alone.regressions().tolist()
        p_values += [tails(float(d / se), alone.nu)[0] for d, se in zip(alone.d, alone.se, strict=True)]
    return any(np.array(survivors(p_values, largest_p=LARGEST_P)) & np.array(called))


def _of_common_dates(rows: Iterable[dict[str, str]]) -> Iterator[tuple[Floats, Floats]]:
    """Yield groups of series that share 60 dates or more: each series' prior spread, and its logs by date."""
    classes = {"p50": MetricClass.P50, "p95": MetricClass.P95, "requests": MetricClass.THROUGHPUT}
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for row in rows:
        sign = -1.0 if row["statistic"] == "requests" else 1.0
        if row.get("how", _BY_WINDOWS) == _BY_WINDOWS and float(row["value"]) > 0:
            found[row["statistic"], row["row"]][row["date"]] = sign * math.log(float(row["value"]))
    left = sorted(found, key=lambda key: (-len(found[key]), key))
    while left:
        dates, mine = set(found[left[0]]), []
        for key in left:
            if len(dates & found[key].keys()) >= _COMMON:
                dates &= found[key].keys()
                mine.append(key)
        if mine:
            priors = np.array([prior_sd(classes.get(statistic, MetricClass.P50)) for statistic, _ in mine])
            yield priors, np.array([[found[key][date] for key in mine] for date in sorted(dates)])
        left = [key for key in left if key not in mine] if mine else []


def _claims(source: FreshSource, drawn: Drawn, count: int) -> tuple[float, float]:
    """Percent found at the size that each trial's row claims, below +100 % alone; and where noise exceeds s0."""
    found, noisy = [], []
    for baseline, history, current in zip(
        drawn.baseline[:count], drawn.history[:count], drawn.current[:count], strict=True
    ):
        measured = change(
            tuple(np.exp(baseline)), tuple(np.exp(current)), history=tuple(np.exp(history)), prior_sd=source.prior
        )
        claim = smallest_found(measured, THETA)
        if claim >= math.log(2.0):
            continue
        slowed = judge(baseline[None], current[None] + claim, source.prior, history[None])
        found.append(bool(slowed.regressions()[0]))
        if measured.spread > source.prior:
            noisy.append(found[-1])
    return _percent(found), _percent(noisy)


def _in_time(source: FreshSource, trials: int) -> float:
    """Percent of rows called in time order, where versions may have changed: an upper bound of false ones."""
    runs = in_order(source.series, trials, 38, SEED)
    if runs is None:
        return math.nan
    return share(judge(runs[:, :5], runs[:, 35:], source.prior, runs[:, 5:35]).regressions())


def _window_notes(place: Path, trials: int, shortfalls: Shortfalls) -> list[str]:
    """A part of a run: candidates side by side on Gatling's own windows, 20 a run."""
    found = []
    for name, metric_class in (("p50", MetricClass.P50), ("p95", MetricClass.P95)):
        groups = _windows(place, name)
        random = np.random.default_rng(SEED)
        baseline, current = np.empty((trials, 5, 20)), np.empty((trials, 3, 20))
        for trial in range(trials):
            group = groups[random.integers(len(groups))]
            order = random.permutation(len(group))
            baseline[trial], current[trial] = group[order[:5]], group[order[5:8]]
        late = np.arange(20) >= 15
        slowed = {"0": current, "x 1.9 in a quarter": current + math.log(1.9) * late}
        slowed["x 1.6 in half"] = current + math.log(1.6) * (np.arange(20) >= 10)
        prior = prior_sd(metric_class)
        ways: dict[str, Callable[[Floats], Floats]] = {
            "median of windows": lambda runs: np.median(runs, axis=-1),
            "slow quarter (adopted)": lambda runs: np.sort(runs, axis=-1)[..., 15],
            "last quarter": lambda runs: np.median(runs[..., 15:], axis=-1),
        }
        for way, statistic in ways.items():
            called = [
                share(judge(statistic(baseline), statistic(runs), prior).regressions()) for runs in slowed.values()
            ]
            found.append(
                f"Gatling windows {name}, {way}: false {called[0]:.2f}, found x 1.9 in the last quarter "
                f"{called[1]:.0f}, x 1.6 in the last half {called[2]:.0f}"
            )
            if "adopted" in way:
                limit = WINDOWS_FALSE_AT_MOST[name]
                shortfalls.at_most(f"Gatling windows {name}: false slow quarters, %", called[0], limit)
        counted = [_more_slow_windows(baseline, runs) for runs in slowed.values()]
        found.append(
            f"Gatling windows {name}, windows above 1.3 times the run's median, at least 3 and more than ever: false "
            f"{counted[0]:.2f}, found {counted[1]:.0f} and {counted[2]:.0f}"
        )
    return found


def _more_slow_windows(baseline: Floats, current: Floats) -> float:
    def slow(runs: Floats) -> Floats:
        above: Floats = np.sum(runs > np.median(runs, axis=-1)[..., None] + math.log(1.3), axis=-1)
        return above

    least = np.min(slow(current), axis=1)
    return share((least >= 3) & (least > np.max(slow(baseline), axis=1)))


def _cusum_notes(known: Sequence[FreshSource], trials: int) -> list[str]:
    """A clipped CUSUM beside drift: thresholds matched on one half of the draws, scored on the other."""
    found = []
    for ordered in (False, True):
        for source in known:
            runs = in_order(source.series, trials, 35 + NIGHTS, SEED) if ordered else _shuffled_nights(source, trials)
            if runs is None:
                continue
            half = len(runs) // 2
            false = share(_drifts(runs[:half], source.prior))
            limit = float(np.quantile(_cusum(runs[:half], source.prior), 1 - max(false / 100, 1 / half)))
            scores = []
            for effect in (0.0, 0.1, 0.2, 0.3, 0.5):
                slowed = runs[half:].copy()
                slowed[:, 35:] += math.log1p(effect)
                by_drift, by_cusum = _drifts(slowed, source.prior), _cusum(slowed, source.prior) > limit
                scores.append(f"{share(by_drift):.0f}/{share(by_cusum):.0f}")
            order = "in time order" if ordered else "shuffled"
            found.append(
                f"drift/CUSUM over {NIGHTS} nights, {source.name}, {order}: at 0 / +10 / 20 / 30 / 50 %: "
                f"{'  '.join(scores)} (threshold {limit:.1f})"
            )
    return found


def _shuffled_nights(source: FreshSource, trials: int) -> Floats:
    random = np.random.default_rng(SEED)
    groups = source.shuffled.groups
    runs = np.empty((trials, 35 + NIGHTS))
    for trial in range(trials):
        group = groups[random.integers(len(groups))][:, 0]
        runs[trial] = random.choice(group, 35 + NIGHTS, replace=len(group) < 35 + NIGHTS)
    return runs


def _drifts(runs: Floats, prior: float) -> Flags:
    """Whether drift alarms in any of the last nights."""
    alarmed = np.zeros(len(runs), dtype=np.bool_)
    for night in range(36, runs.shape[1] + 1):
        nights = runs[:, 5:night]
        found = judge(runs[:, :5], nights[:, -7:], prior, nights[:, -37:-7])
        alarmed |= found.slower & (found.d >= math.log(1.10))
    return alarmed


def _cusum(runs: Floats, prior: float) -> Floats:
    """The highest sum over the last nights of clipped distances from the median before them, in units of the spread."""
    spread = judge(runs[:, :5], runs[:, 5:6], prior, runs[:, 5:35]).spread
    distance = (runs[:, 35:] - np.median(runs[:, :35], axis=1)[:, None]) / spread[:, None]
    total, highest = np.zeros(len(runs)), np.zeros(len(runs))
    for night in np.clip(distance, -CUSUM_CLIP, CUSUM_CLIP).T:
        total = np.maximum(0.0, total + night - CUSUM_SLACK)
        highest = np.maximum(highest, total)
    return highest


def _windows(place: Path, name: str) -> list[Floats]:
    """Each row's runs by their 20 windows (logs), the runs' own drift over the months taken out."""
    runs: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for row in _rows(place / "apicurio_gatling_windows.csv"):
        if row[name]:
            runs[row["row"], row["date"]][int(row["window"])] = float(row[name])
    series: dict[str, list[Floats]] = defaultdict(list)
    for (row_name, _), windows in sorted(runs.items(), key=lambda item: item[0][1]):
        if len(windows) == 20:
            series[row_name].append(np.log([windows[place] for place in range(20)]))
    groups = []
    for found in series.values():
        logs = np.array(found)
        middle = np.median(logs, axis=1)
        left = residuals(middle)
        kept = ~np.isnan(left)
        groups.append((logs - middle[:, None] + left[:, None])[kept])
    return groups


def _series(rows: Iterable[dict[str, str]], *, sign: float = 1.0, shortest: int = 45) -> tuple[Floats, ...]:
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for row in rows:
        if float(row["value"]) > 0:
            found[row["row"]].append((row["date"], float(row["value"])))
    return tuple(
        sign * np.log([value for _, value in sorted(values)]) for values in found.values() if len(values) >= shortest
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _percent(found: Sequence[bool]) -> float:
    return 100 * float(np.mean(found)) if found else math.nan
