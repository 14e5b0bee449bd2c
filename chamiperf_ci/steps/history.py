"""Keeping runs in the history, and reading the nights that a question needs."""

import csv
import functools
import gc
import io
import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from chamiperf_ci import __version__
from chamiperf_ci.adapters import bounds, files
from chamiperf_ci.adapters.console import QUIET_AT_FIRST_S, Progress
from chamiperf_ci.adapters.files import PRODUCER, first_wrong
from chamiperf_ci.adapters.history import HistoryStore, keep_drill, read_drill
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import AcceptedRow
from chamiperf_ci.models.history import HistoryEntry, HistoryRow
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import Run, RunKind, is_to_come
from chamiperf_ci.models.verdict import Row, RowKey, Verdict
from chamiperf_ci.models.vocabulary import TargetVerdict
from chamiperf_ci.render.baselines import json_layout
from chamiperf_ci.render.text import plain
from chamiperf_ci.steps.baselines.entry import rounded, row_of, stored_statements
from chamiperf_ci.steps.compare.measure import measure
from chamiperf_ci.steps.compare.scenarios import PastNight, PastNights, PastValue, read_runs

_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(
    r"(?P<environment>[^/]+)/\d{4}/\d{2}/(?P<stamp>\d{8}T\d{6}Z)\.(?P<scenario>[^./]+)\.(?P<kind>[a-z-]+)\.(?P<run>[^./]+)\.json"
)
_PARTS = (slice(0, 4), slice(4, 6), slice(6, 8), slice(9, 11), slice(11, 13), slice(13, 15))
_KINDS = {kind.value: kind for kind in RunKind}
_SHOWN_EVERY = 50
_VERSION = re.compile(rb'"schema_version":\s*(\d+)')


@dataclass(frozen=True, slots=True)
class EntryName:
    """What a file's name says of its run."""

    environment: str
    started_at: datetime
    scenario: str
    run_kind: RunKind
    run_id: str

    @property
    def path(self) -> str:
        """The name: `ENVIRONMENT/2026/03/20260302T011700Z.boot_storm.night.RUN.json`."""
        stamp = self.started_at.astimezone(UTC)
        name = f"{stamp:{_STAMP}}.{self.scenario}.{self.run_kind}.{self.run_id}.json"
        return f"{self.environment}/{stamp:%Y/%m}/{name}"


def parse_name(path: str) -> EntryName | None:
    """Return what a name says, or None when it is not that of a run."""
    found = _NAME.fullmatch(path)
    kind = _KINDS.get(found["kind"]) if found else None
    if found is None or kind is None:
        return None
    try:
        # By hand: `strptime` takes as long as reading the file, and years of nights have many names.
        year, month, day, hour, minute, second = (int(found["stamp"][part]) for part in _PARTS)
        started = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return EntryName(found["environment"], started, found["scenario"], kind, found["run"])


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries to read; an empty field wants all.

    Attributes:
        environment: Its name.
        scenarios: Their names.
        kinds: Kinds of run.
        since: The earliest start.
        until: The first start that is not wanted any more.
        newest: Of each scenario of an environment so many, the newest; None for all.
        nightly_for: So long before the newest of a scenario all, and before that those of one date in four weeks, if
            one of them could be judged; None for all.
    """

    environment: str = ""
    scenarios: Collection[str] = ()
    kinds: Collection[RunKind] = ()
    since: datetime | None = None
    until: datetime | None = None
    newest: int | None = None
    nightly_for: timedelta | None = None

    def covers(self, name: EntryName) -> bool:
        """Whether the entry of this name is wanted."""
        return (
            self.environment in ("", name.environment)
            and (not self.scenarios or name.scenario in self.scenarios)
            and (not self.kinds or name.run_kind in self.kinds)
            and (self.since is None or name.started_at >= self.since)
            and (self.until is None or name.started_at < self.until)
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """Entries, oldest first, and sentences about files that could not be read."""

    entries: tuple[HistoryEntry, ...] = ()
    problems: tuple[str, ...] = field(default=())
    unread: tuple[EntryName, ...] = ()
    """Wanted ones that are too old for all of them to be read."""


def entry_of(
    run: Run, verdict: Verdict | None = None, *, link: str = "", report: str = ""
) -> tuple[EntryName, HistoryEntry]:
    """Return a run as the history keeps it, with what the verdict says of it, if it is one of the verdict's runs."""
    judged = verdict if verdict is not None and _judges(verdict, run) else None
    said = {row.key: row for row in judged.rows} if judged else {}
    measured = [found for found in measure(run) if found.key.phase == SUSTAINED] if run.valid else []
    entry = HistoryEntry(
        producer=PRODUCER,
        run_kind=run.run_kind,
        run_id=run.run_id,
        started_at=run.started_at,
        ended_at=run.ended_at,
        valid=run.valid,
        problems=tuple(f"{problem.reason}: {problem.text}" for problem in run.problems),
        fingerprint=run.fingerprint,
        machine=run.machine,
        identities=run.identities,
        injected_faults=run.injected_faults,
        rows=tuple(
            _row(row, said.get(found.key), comparable=found.comparable)
            for found in sorted(measured, key=lambda found: (found.key.endpoint, found.key.metric))
            if (row := row_of(found)) is not None
        ),
        statements=stored_statements(run) if run.valid else (),
        word=judged.outcome.word if judged else "",
        exit_code=judged.outcome.exit_code if judged else None,
        baselines_digest=judged.baselines_digest if judged else "",
        link=link,
        report=report,
    )
    return EntryName(run.fingerprint.environment, run.started_at, run.scenario, run.run_kind, run.run_id), entry


def text_of(entry: HistoryEntry) -> str:
    """Return a file's text, one metric a line."""
    stamp = {"kind": entry.kind, "schema_version": entry.schema_version}
    data = entry.model_dump(mode="json", exclude_defaults=True)
    # A column that most rows lack is worth megabytes in years of nights.
    rows = [row if row[-1] is not None else row[:-1] for row in data["rows"]]
    return json_layout({**stamp, **data, "rows": rows}) + "\n"


def read(store: HistoryStore, wanted: EntryFilter = EntryFilter()) -> Reading:
    """Read the wanted entries.

    A file that is truncated or damaged is skipped and named; its night is then missing, which is an alarm of its
    own. So is one that is stamped ahead of now: it would be the newest of all for ever.

    Raises:
        ConfigurationError: A file was written by a newer version, which may say more than this one understands.
    """
    known = {path: name for path in store.names() if (name := parse_name(path)) is not None}
    now, at_any_time = datetime.now(UTC), replace(wanted, until=None)
    ahead = [path for path, name in sorted(known.items()) if is_to_come(name.started_at, now)]
    names = {path: name for path, name in known.items() if wanted.covers(name) and path not in ahead}
    ordered = sorted(names, key=lambda path: (names[path].started_at, path))
    needed, spare = _needed([(path, names[path]) for path in ordered], wanted)
    found: dict[str, HistoryEntry] = {}
    problems = [_ahead(path, known[path].started_at) for path in ahead if at_any_time.covers(known[path])]

    def take(paths: Sequence[str]) -> None:
        for path, entry in _entries(store, paths, now):
            if isinstance(entry, str):
                problems.append(entry)
            else:
                found[path] = entry

    with _collecting_later():
        take([path for path in ordered if path in needed])
        # Where that one date could not be judged, the others of its four weeks.
        judged = {_four_weeks(names[path]) for path, entry in found.items() if entry.valid}
        take([path for path in spare if _four_weeks(names[path]) not in judged])
    unread = tuple(names[path] for path in ordered if path not in needed and path not in found)
    return Reading(tuple(found[path] for path in ordered if path in found), tuple(problems), unread)


def _entries(store: HistoryStore, paths: Sequence[str], now: datetime) -> Iterator[tuple[str, HistoryEntry | str]]:
    """Each path with its entry, or with a sentence why it is skipped."""
    with Progress("reading the history", after_s=QUIET_AT_FIRST_S) as shown:
        for number, (path, content) in enumerate(store.read(paths) if paths else ()):
            if number % _SHOWN_EVERY == 0:
                shown.show("", f"{number:,} of {len(paths):,} runs")
            try:
                entry = HistoryEntry.model_validate_json(content, strict=True)
                twice = _duplicates(content)
            except ValidationError as error:
                _refuse_newer(path, content)
                yield path, f"{path} is skipped: {first_wrong(error, HistoryEntry)}"
                continue
            if twice:
                yield path, f"{path} is skipped: {twice}"
            elif is_to_come(entry.started_at, now):
                yield path, _ahead(path, entry.started_at)
            elif wrong := entry.contradiction():
                yield path, f"{path} is skipped: it contradicts itself: {wrong}"
            else:
                yield path, entry


def _ahead(path: str, stamp: datetime) -> str:
    return f"{path} is skipped: it says that it began {stamp:%Y-%m-%d %H:%M} UTC, which is still to come"


def _needed(ordered: Sequence[tuple[str, EntryName]], wanted: EntryFilter) -> tuple[Collection[str], Sequence[str]]:
    """The paths to read, and those to read where these could not be judged."""
    by_scenario: dict[tuple[str, str], list[tuple[str, EntryName]]] = {}
    for path, name in ordered:
        by_scenario.setdefault((name.environment, name.scenario), []).append((path, name))
    needed: set[str] = set()
    spare: list[str] = []
    for those in by_scenario.values():
        asked = those if wanted.newest is None else those[-wanted.newest :]
        since = None if wanted.nightly_for is None else asked[-1][1].started_at - wanted.nightly_for
        last_of = {_four_weeks(name): name.started_at.date() for _, name in asked}
        for path, name in asked:
            if since is None or name.started_at >= since or name.started_at.date() == last_of[_four_weeks(name)]:
                needed.add(path)
            else:
                spare.append(path)
    return needed, spare


def _four_weeks(name: EntryName) -> tuple[str, str, int]:
    """A scenario's four weeks, from a Monday to a Sunday (UTC)."""
    return name.environment, name.scenario, (name.started_at.toordinal() - 1) // 28


def _duplicates(content: bytes) -> str:
    """Say what occurs twice in an entry that is valid otherwise; empty for a good one."""
    try:
        # Past the model, which has refused what is too deep or too large, only the names are left to be looked at.
        json.loads(content.decode("utf-8-sig"), object_pairs_hook=bounds.unique)
    except bounds.DuplicateNameError:
        return bounds.duplicate_names(content.decode("utf-8-sig"))
    return ""


def is_entry(content: bytes) -> bool:
    """Whether a file is a whole entry; one of a newer version is taken for one."""
    try:
        entry = HistoryEntry.model_validate_json(content, strict=True)
        return not (entry.contradiction() or _duplicates(content))
    except ValidationError:
        version = _VERSION.search(content)
        return version is not None and int(version[1]) > HistoryEntry.SCHEMA_VERSION


def require_whole(path: str, content: bytes) -> None:
    """Refuse a file that is no whole entry.

    Raises:
        ConfigurationError: It is damaged, or of a newer version.
    """
    try:
        wrong = HistoryEntry.model_validate_json(content, strict=True).contradiction() or _duplicates(content)
    except ValidationError as error:
        _refuse_newer(path, content)
        wrong = first_wrong(error, HistoryEntry)
    if wrong:
        raise ConfigurationError(
            f"the entry is damaged: {wrong}",
            where=path,
            remedy="Add its run again with `chamiperf history add`, or restore the file.",
        )


def add(
    store: HistoryStore, runs: Iterable[Run], verdict: Verdict | None = None, *, link: str = "", report: str = ""
) -> tuple[str, ...]:
    """Write each run that is not there yet and return the names written.

    Raises:
        ConfigurationError: A run is there with other content.
        OutsideServiceError: The remote refuses.
    """
    made = dict(entry_of(run, verdict, link=link, report=report) for run in runs)
    contents = {name.path: text_of(entry).encode() for name, entry in made.items()}
    what = ", ".join(sorted({name.scenario for name in made}))
    places = ", ".join(sorted({name.environment for name in made}))
    return store.add(contents, message=f"Add {len(contents)} runs of {places}: {what}")


def past_of(entries: Sequence[HistoryEntry], unread: Sequence[EntryName] = ()) -> PastNights:
    """Return the valid nights among entries as `compare` reads them; of those unread only the days are known."""
    nights = [entry for entry in entries if entry.run_kind is RunKind.NIGHT and entry.valid]
    return PastNights(
        tuple(_night(entry) for entry in sorted(nights, key=lambda entry: entry.started_at)),
        frozenset(name.started_at.date() for name in unread if name.run_kind is RunKind.NIGHT),
    )


def _night(entry: HistoryEntry) -> PastNight:
    return PastNight(
        run_id=entry.run_id,
        started_at=entry.started_at,
        fingerprint=entry.fingerprint,
        values={
            _row_key(entry.fingerprint.scenario, row.endpoint, row.metric): PastValue(
                row.value, row.statistic, row.unit
            )
            for row in entry.rows
        },
        commits=tuple(f"{one.service} {one.commit or one.image or one.version}".strip() for one in entry.identities),
    )


def _judges(verdict: Verdict, run: Run) -> bool:
    return any(one.scenario == run.scenario and run.run_id in one.runs[:1] for one in verdict.scenarios)


def _row(row: AcceptedRow, said: Row | None, *, comparable: bool) -> HistoryRow:
    target = said.target.verdict if said else TargetVerdict.NONE
    judged = said.target.value if said and target is not TargetVerdict.NONE else None
    return HistoryRow(
        endpoint=row.endpoint,
        metric=row.metric,
        value=row.value,
        unit=row.unit,
        observations=row.count,
        statistic=row.statistic,
        comparable=comparable,
        verdict=said.verdict if said else None,
        target=None if target is TargetVerdict.NONE else target,
        target_value=None if judged is None else rounded(judged, 0),
    )


@functools.cache
def _row_key(scenario: str, endpoint: str, metric: str) -> RowKey:
    """Years of nights share a few hundred keys."""
    return RowKey(scenario=scenario, endpoint=endpoint, metric=metric)


@contextmanager
def _collecting_later() -> Iterator[None]:
    """Hold the garbage collector back, and keep what was read out of its later rounds.

    Years of entries hold no cycles, and it would look through all of them often.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.enable()


def _refuse_newer(path: str, content: bytes) -> None:
    """Stop at a file of a newer version."""
    version = _VERSION.search(content)
    if version is not None and int(version[1]) > HistoryEntry.SCHEMA_VERSION:
        raise ConfigurationError(
            f"schema version {int(version[1])} is not known; this is chamiperf {__version__}, which reads version "
            f"{HistoryEntry.SCHEMA_VERSION}",
            where=path,
            remedy="Install the version that wrote it; the file's `producer` names it.",
        )


_COLUMNS = (
    *("environment", "scenario", "profile", "run_kind", "run_id", "started_at", "valid"),
    *("endpoint", "metric", "value", "unit", "observations", "statistic", "verdict", "target"),
)


def wanted(
    environment: str,
    scenarios: Sequence[str],
    kinds: Sequence[str],
    since: datetime | None,
    until: datetime | None,
) -> EntryFilter:
    """Return the options as one value; days are those of UTC."""
    return EntryFilter(
        environment=environment,
        scenarios=tuple(scenarios),
        kinds=tuple(map(RunKind, kinds)),
        since=since.replace(tzinfo=UTC) if since else None,
        until=until.replace(tzinfo=UTC) if until else None,
    )


def add_files(
    store: HistoryStore, places: Sequence[Path], verdict: Path | None, *, link: str, report: str = ""
) -> tuple[str, ...]:
    """Add the runs in `places`, say how many are new, and return the names of those.

    Raises:
        ConfigurationError: A file is missing or wrong, or a run is there with other content.
        InvalidMeasurement: There is no run at all.
        OutsideServiceError: The remote refuses.
    """
    said = files.read_document(verdict, Verdict) if verdict is not None else None
    runs = read_runs(places)
    new = add(store, runs, said, link=link, report=report)
    click.echo(f"{len(new)} runs added, {len(runs) - len(new)} were there already.", err=True)
    return tuple(new)


def add_drill(store: HistoryStore, path: Path) -> tuple[str, ...]:
    """Add a drill's outcome; its name if it is new.

    Raises:
        ConfigurationError: The file is missing or wrong, or the drill has no valid run.
        OutsideServiceError: The remote refuses.
    """
    new = keep_drill(store, read_drill(path))
    click.echo("The drill is added." if new else "The drill was there already.", err=True)
    return tuple(new)


def names(store: HistoryStore, which: EntryFilter) -> list[EntryName]:
    """Return the names of runs, the oldest first.

    Raises:
        ConfigurationError: There is no history.
    """
    store.require()
    return sorted(
        (name for path in store.names() if (name := parse_name(path)) is not None and which.covers(name)),
        key=lambda name: (name.started_at, name.path),
    )


def content(store: HistoryStore, run_id: str) -> list[str]:
    """Return what was kept of a run, of each of its scenarios, as JSON.

    Raises:
        ConfigurationError: There is no such run, no history, or the entry is damaged.
    """
    store.require()
    found = [path for path in store.names() if (name := parse_name(path)) and name.run_id == run_id]
    if not found:
        raise ConfigurationError(
            f"there is no run {run_id} in the history", where="--run", remedy="`chamiperf history list` shows them all."
        )
    read_entries = list(store.read(found))
    for path, kept_as in read_entries:
        require_whole(path, kept_as)
    return [kept_as.decode(errors="replace") for _, kept_as in read_entries]


def export(store: HistoryStore, which: EntryFilter, *, form: str, output: Path | None) -> None:
    """Write one line a metric: CSV with a head line, JSON lines or one JSON; damaged files are named on standard error.

    Raises:
        ConfigurationError: There is no history, the file cannot be written, or an entry is of a newer version.
    """
    store.require()
    reading = read(store, which)
    lines = (line for entry in reading.entries for line in _lines(entry))
    if form == "json":
        text = f"{json.dumps(list(lines), indent=2)}\n"
    else:
        text = _csv(lines) if form == "csv" else "".join(json.dumps(line) + "\n" for line in lines)
    hand_over(text, output, reading)
    click.echo(f"{len(reading.entries)} runs exported.", err=True)


def hand_over(text: str, output: Path | None, reading: Reading) -> None:
    """Write what was made of a history to a file or to standard output, and name its damaged files on standard error.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    if output is None:
        click.echo(text, nl=False)
    else:
        files.write_text(output, text)
    warn(reading)


def warn(reading: Reading) -> None:
    """Name a history's damaged files on standard error."""
    for problem in reading.problems:
        click.echo(f"warning: {plain(problem)}", err=True)


def _lines(entry: HistoryEntry) -> Iterator[dict[str, Any]]:
    head = {
        "environment": entry.fingerprint.environment,
        "scenario": entry.fingerprint.scenario,
        "profile": entry.fingerprint.profile,
        "run_kind": entry.run_kind.value,
        "run_id": entry.run_id,
        "started_at": entry.started_at.astimezone(UTC).isoformat(),
        "valid": entry.valid,
    }
    for row in entry.rows:
        yield head | {name: value for name, value in row._asdict().items() if name in _COLUMNS}
    if not entry.rows:
        # A run that could not be judged is a night all the same.
        yield head | dict.fromkeys(_COLUMNS[len(head) :])


def _csv(lines: Iterator[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in line.items()} for line in lines)
    return text.getvalue()


def _harmless(value: Any) -> Any:  # noqa: ANN401 - a cell of any type
    """A name that a spreadsheet would take for a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@"} else value
