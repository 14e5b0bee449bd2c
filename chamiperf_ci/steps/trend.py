"""The trend of every metric over the nights of the history."""

import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click
from pydantic_core import to_json

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.console import QUIET_AT_FIRST_S, Progress
from chamiperf_ci.adapters.files import PRODUCER, default_baselines
from chamiperf_ci.adapters.history import HistoryStore
from chamiperf_ci.models.baselines import AcceptedRow, Baselines
from chamiperf_ci.models.history import (
    Drifting,
    HistoryEntry,
    HistoryRow,
    Line,
    MarkedNight,
    MetricTrend,
    Point,
    ScenarioTrend,
    TrendStep,
)
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.target import Fingerprint, Identity
from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.render.numbers import counted
from chamiperf_ci.render.text import data
from chamiperf_ci.render.trend import INDEX, PREFIX, site, trend_markdown, trend_page
from chamiperf_ci.steps import history
from chamiperf_ci.steps.baselines.entry import shown_value
from chamiperf_ci.steps.baselines.propose import accepted_level
from chamiperf_ci.steps.compare.measure import ERRORS, STALLED
from chamiperf_ci.steps.compare.step import RESTORE
from chamiperf_ci.steps.history import hand_over, warn
from chamiperf_ci.steps.load.drive import BASELINES
from chamiperf_ci.verdict.drift import FEWEST_TO_LOCATE, SMALLEST_DRIFT, change_points, find_drift
from chamiperf_ci.verdict.statistic import PRIOR_SD, as_shown, is_quantity


def missing_nights(nights: Sequence[datetime], end: datetime, period: timedelta) -> tuple[datetime, ...]:
    """Return when nights should have begun and did not.

    A night may begin up to half a period late: schedules start when they can, and scenarios run one after another.

    Args:
        nights: When nights began, oldest first.
        end: The newest night of the environment, from which on nothing is missing yet.
        period: Time from one night to the next.
    """
    return tuple(
        before + period * count
        for before, after in pairwise((*nights, end + period))
        for count in range(1, round((after - before) / period))
    )


NIGHTS_SHOWN = timedelta(days=180)
"""How far back every night is read; of what is older one in four weeks, so that five years are some 60 more."""


MOST_STEPPED = 180
"""Nights among which steps are looked for."""
RECENT = 30
"""Nights in a sparkline."""


class _NightRow(NamedTuple):
    """A metric in one night; `fingerprint` is the night's place among those of its scenario, first seen first."""

    when: datetime
    fingerprint: int
    row: HistoryRow
    link: str = ""
    report: str = ""
    identities: tuple[Identity, ...] = ()

    @property
    def point(self) -> Point:
        return Point(self.when, shown_value(self.row), self.link, self.report)


def trends(
    entries: Iterable[HistoryEntry],
    baselines: Baselines,
    *,
    period: timedelta,
    unread: Sequence[history.EntryName] = (),
) -> tuple[ScenarioTrend, ...]:
    """Return a trend for each scenario of each environment, stack kind and profile, sorted.

    Args:
        entries: Of a history; only nights are looked at.
        baselines: Which metrics are compared, and what was accepted.
        period: Time from one night to the next.
        unread: Nights of which only the names are known, all older than `NIGHTS_SHOWN`.
    """
    nights = _one_each(one for one in entries if one.run_kind is RunKind.NIGHT)
    groups: dict[tuple[str, str, str, str], list[HistoryEntry]] = {}
    for night in nights:
        groups.setdefault(_group(night.fingerprint), []).append(night)
    newest = {night.fingerprint.environment: night.started_at for night in nights}
    older: dict[tuple[str, ...], list[datetime]] = {}
    for name in unread:
        older.setdefault((name.environment, name.scenario), []).append(name.started_at)
    return tuple(
        _scenario(
            groups[key],
            baselines,
            end=newest[key[0]],
            period=period,
            unread=older.get(key[:2], []),
        )
        for key in sorted(groups)
    )


def _one_each(nights: Iterable[HistoryEntry]) -> list[HistoryEntry]:
    """Each night once, oldest first: of two attempts on one date the newest that is valid, else the newest."""
    kept: dict[tuple[object, ...], HistoryEntry] = {}
    for night in sorted(nights, key=lambda one: (one.valid, one.started_at)):
        kept[(*_group(night.fingerprint), night.started_at.date())] = night
    return sorted(kept.values(), key=lambda one: one.started_at)


def _group(fingerprint: Fingerprint) -> tuple[str, str, str, str]:
    return fingerprint.environment, fingerprint.scenario, str(fingerprint.stack_kind), fingerprint.profile


def _scenario(
    nights: Sequence[HistoryEntry], baselines: Baselines, *, end: datetime, period: timedelta, unread: list[datetime]
) -> ScenarioTrend:
    environment, scenario, stack_kind, profile = _group(nights[0].fingerprint)
    valid = [night for night in nights if night.valid]
    stack = nights[0].fingerprint.stack_kind

    @functools.cache
    def compared(endpoint: str, metric: str) -> bool:
        return baselines.policy(scenario, endpoint, metric, stack_kind=stack).compared

    # By their text: years of nights share a few fingerprints, and comparing models night by night takes long.
    texts = [night.fingerprint.model_dump_json() for night in valid]
    first = dict(reversed(list(zip(texts, valid, strict=True))))
    kinds = [first[text] for text in dict.fromkeys(texts)]
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    seen: dict[tuple[str, str], list[_NightRow]] = {}
    for text, night in zip(texts, valid, strict=True):
        place = places[text]
        for row in night.rows:
            if row.comparable and compared(row.endpoint, row.metric):
                seen.setdefault((row.endpoint, row.metric), []).append(
                    _NightRow(night.started_at, place, row, night.link, night.report, night.identities)
                )
    every = sorted([*unread, *(night.started_at for night in nights)])
    weeks = every[-1] - NIGHTS_SHOWN if unread else None
    return ScenarioTrend(
        environment=environment,
        scenario=scenario,
        stack=f"{stack_kind}, profile {profile}",
        first=every[0],
        last=end,
        valid=len(valid),
        invalid=tuple(MarkedNight(night.started_at, _reasons(night)) for night in nights if not night.valid),
        missing=missing_nights(every, end, period),
        # Where a fingerprint is seen for the first time, which ends what can be compared.
        breaks=tuple(
            MarkedNight(after.started_at, "; ".join(after.fingerprint.differences(before.fingerprint)))
            for before, after in pairwise(kinds)
        ),
        weeks_before=weeks,
        unread=len(unread),
        metrics=tuple(
            _metric(seen[key], baselines, [night.fingerprint for night in kinds], weeks) for key in sorted(seen)
        ),
    )


def _reasons(night: HistoryEntry) -> str:
    """The codes of the reasons alone: their texts may name what is not to be published."""
    return ", ".join(dict.fromkeys(problem.split(":", 1)[0] for problem in night.problems)) or "incomplete"


def _metric(
    seen: Sequence[_NightRow], baselines: Baselines, fingerprints: Sequence[Fingerprint], weeks: datetime | None
) -> MetricTrend:
    newest = seen[-1]
    like = newest.row
    groups: dict[int, list[_NightRow]] = {}
    for one in seen:
        if (one.row.unit, one.row.statistic) == (like.unit, like.statistic):
            groups.setdefault(one.fingerprint, []).append(one)
    ordered = sorted(groups, key=lambda place: (place == newest.fingerprint, place))
    direction = Direction.HIGHER if like.unit.endswith("/s") else Direction.LOWER
    mine = groups[newest.fingerprint]
    nightly = [one for one in mine if weeks is None or one.when >= weeks]
    fingerprint = fingerprints[newest.fingerprint]
    policy = baselines.policy(fingerprint.scenario, like.endpoint, like.metric, stack_kind=fingerprint.stack_kind)
    target, unit = policy.target, "share" if like.metric == ERRORS else like.unit
    return MetricTrend(
        endpoint=like.endpoint,
        metric=like.metric,
        unit=unit,
        direction=direction,
        lines=tuple(_line(groups[place], _accepted(baselines, fingerprints[place], like)) for place in ordered),
        newest=newest.point,
        recent=tuple(shown_value(one.row) for one in mine[-RECENT:]),
        drifting=_drifting(nightly, baselines, fingerprints[newest.fingerprint], direction),
        steps=tuple(_steps(nightly)),
        tolerance=policy.tolerance,
        target=target.limit if target is not None and target.unit == unit else None,
    )


def _places(logs: Sequence[float]) -> list[int]:
    """Where the level changed; a step that came back is seen by neither split alone, so its two sides are tried."""
    found = [point.place for point in change_points(logs)]
    # A step that is told moves the level, and so the medians of nights that follow one another, by 10 %.
    if found or _median_range(logs) < SMALLEST_DRIFT:
        return found
    third = len(logs) // 3
    sides = {
        *(point.place for point in change_points(logs[: len(logs) - third])),
        *(third + point.place for point in change_points(logs[third:])),
    }
    return sorted(sides) if len(sides) > 1 else []


def _median_range(logs: Sequence[float]) -> float:
    """How far the medians of five nights in a row lie apart."""
    medians = [sorted(logs[start : start + 5])[2] for start in range(len(logs) - 4)]
    return max(medians) - min(medians)


def _steps(seen: Sequence[_NightRow]) -> Iterator[TrendStep]:
    """Where the level changed for good, by E-divisive on the logs of the last nights (verdict.md section 9)."""
    known = [one for one in seen if one.row.metric not in (ERRORS, STALLED) and is_quantity(one.row.value)]
    known = known[-MOST_STEPPED:]
    values = [shown_value(one.row) for one in known]
    if len(values) < FEWEST_TO_LOCATE:
        return
    places = [0, *_places([math.log(value) for value in values]), len(values)]
    levels = [median(values[start:end]) for start, end in pairwise(places)]
    for place, (before, after) in zip(places[1:-1], pairwise(levels), strict=True):
        if abs(math.log(after / before)) >= SMALLEST_DRIFT:
            yield TrendStep(known[place].when, before, after, _builds(known[place - 1], known[place]))


def _builds(before: _NightRow, after: _NightRow) -> str:
    """Which builds changed between two nights: `bss 1a2b3c4 → 5d6e7f8`."""
    old = {each.service: each.build for each in before.identities}
    changed = [
        f"{data(each.service)} {data(old[each.service])} → {data(each.build)}"
        for each in after.identities
        if each.service in old and old[each.service] != each.build
    ]
    return ", ".join(changed)


def _line(seen: Sequence[_NightRow], accepted: Sequence[AcceptedRow]) -> Line:
    return Line(
        points=tuple(one.point for one in seen),
        accepted=accepted_level(seen[0].row.metric, accepted),
        accepted_runs=len(accepted),
    )


def _accepted(baselines: Baselines, fingerprint: Fingerprint, like: HistoryRow) -> tuple[AcceptedRow, ...]:
    """What was accepted of a metric, as far as it was formed in the same way."""
    accepted = baselines.accepted(fingerprint)
    rows = accepted.rows(like.endpoint, like.metric) if accepted else ()
    return tuple(row for row in rows if (row.unit, row.statistic) == (like.unit, like.statistic))


def _drifting(
    seen: Sequence[_NightRow], baselines: Baselines, fingerprint: Fingerprint, direction: Direction
) -> Drifting | None:
    """Whether the newest nights drift, by the rule of a night's own report."""
    like = seen[-1].row
    accepted = baselines.accepted(fingerprint)
    if accepted is None or accepted.newest is None or like.metric in (ERRORS, STALLED):
        return None
    nights = [one for one in seen if is_quantity(one.row.value)]
    newest = accepted.newest
    policy = baselines.policy(fingerprint.scenario, like.endpoint, like.metric, stack_kind=fingerprint.stack_kind)
    drift = find_drift(
        [row.value for row in _accepted(baselines, fingerprint, like) if is_quantity(row.value)],
        [one.row.value for one in nights],
        prior_sd=PRIOR_SD[policy.metric_class],
        direction=direction,
        since=sum(one.when <= newest for one in nights),
    )
    if not drift.alarm or drift.change is None:
        return None
    return Drifting(as_shown(drift.change.d, direction), nights[drift.began.place].when if drift.began else None)


@dataclass(frozen=True, slots=True)
class TrendOptions:
    """What a drawing of all nights stands on.

    Attributes:
        store: Where the nights are kept.
        which: Nights of which to show; nights alone count.
        baselines: What is compared and what was accepted; None: baselines.json if it is there, else what ships.
        period: Seconds from one night to the next.
    """

    store: HistoryStore
    which: history.EntryFilter
    baselines: Path | None
    period: float


def show_trend(options: TrendOptions, *, form: str, output: Path | None) -> None:
    """Write the page, or its tables in markdown, to a file or to standard output; damaged files are named.

    Args:
        options: What to draw.
        form: `html`, `markdown` or `json`.
        output: File to write; None: standard output.

    Raises:
        ConfigurationError: There is no history, a file cannot be read or written, or an entry is of a newer version.
    """
    found, reading = _read(options)
    if form == "json":
        text = f"{to_json(found, indent=2, inf_nan_mode='null').decode()}\n"
    else:
        text = trend_page(found, producer=PRODUCER) if form == "html" else trend_markdown(found)
    hand_over(text, output, reading)
    metrics = sum(len(trend.metrics) for trend in found)
    unread = f"; of what is older than 180 days, {len(reading.unread)} were not read" if reading.unread else ""
    click.echo(f"{metrics} metrics of {_nights(reading)}{unread}.", err=True)


def _nights(reading: history.Reading) -> str:
    """How many: scenarios run one after another, and what is run again on one date, are one night."""
    dates = {(entry.fingerprint.environment, entry.started_at.date()) for entry in reading.entries}
    return counted(len(dates), "night")


def write_site(options: TrendOptions, output: Path) -> tuple[Path, ...]:
    """Write the history as a static site, remove the pages of metrics that are no more, and return those written.

    Args:
        options: What to draw.
        output: Folder for the site; other files in it are left alone.

    Raises:
        ConfigurationError: As of `show_trend`.
    """
    found, reading = _read(options, every_night=True)
    written = set()
    pages = sum(len(trend.metrics) for trend in found)
    with Progress("writing the site", after_s=QUIET_AT_FIRST_S) as shown:
        for name, text in site(found, producer=PRODUCER):
            files.write_text(output / name, text)
            written.add(name)
            shown.show("", f"{len(written):,} of {pages:,} pages")
    for page in output.glob(f"{PREFIX}*.html"):
        if page.name not in written:
            page.unlink()
    warn(reading)
    click.echo(f"Written: {output / INDEX} and {len(written) - 1} pages of {_nights(reading)}.", err=True)
    return tuple(output / name for name in sorted(written))


def _read(options: TrendOptions, *, every_night: bool = False) -> tuple[tuple[ScenarioTrend, ...], history.Reading]:
    options.store.require()
    path = options.baselines or (BASELINES if BASELINES.exists() else default_baselines())
    accepted = files.read_document(path, Baselines, remedy=RESTORE)
    nights = replace(options.which, kinds=(RunKind.NIGHT,), nightly_for=None if every_night else NIGHTS_SHOWN)
    reading = history.read(options.store, nights)
    period = timedelta(seconds=options.period)
    return trends(reading.entries, accepted, period=period, unread=reading.unread), reading
