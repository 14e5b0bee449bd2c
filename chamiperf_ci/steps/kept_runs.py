"""`history`: runs into the store, and what is there onto the terminal or into a file."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.history import HistoryStore
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.history import HistoryEntry
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.render.escaping import plain
from chamiperf_ci.steps import history
from chamiperf_ci.steps.compare.sittings import read_runs
from chamiperf_ci.steps.drill import kept

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
) -> history.Wanted:
    """Return the options as one value; days are those of UTC."""
    return history.Wanted(
        environment=environment,
        scenarios=tuple(scenarios),
        kinds=tuple(map(RunKind, kinds)),
        since=since.replace(tzinfo=UTC) if since else None,
        until=until.replace(tzinfo=UTC) if until else None,
    )


def add_files(store: HistoryStore, places: Sequence[Path], verdict: Path | None, *, link: str) -> None:
    """Add the runs in `places` and say which are new, one name a line on standard output.

    Raises:
        ConfigurationError: A file is missing or wrong, or a run is there with other content.
        InvalidMeasurement: There is no run at all.
        OutsideServiceError: The remote refuses.
    """
    said = files.read_document(verdict, Verdict) if verdict is not None else None
    runs = read_runs(places)
    new = history.add(store, runs, said, link=link)
    for name in new:
        click.echo(name)
    click.echo(f"{len(new)} runs added, {len(runs) - len(new)} were there already.", err=True)


def add_drill(store: HistoryStore, path: Path) -> None:
    """Add a drill's outcome and print its name if it is new.

    Raises:
        ConfigurationError: The file is missing or wrong, or the drill has no valid run.
        OutsideServiceError: The remote refuses.
    """
    new = kept.add(store, kept.read_drill(path))
    for name in new:
        click.echo(name)
    click.echo("The drill is added." if new else "The drill was there already.", err=True)


def list_names(store: HistoryStore, which: history.Wanted) -> None:
    """Print one line a run: time, environment, scenario, kind, run id.

    Raises:
        ConfigurationError: There is no history.
    """
    store.require()
    names = sorted(
        (name for path in store.names() if (name := history.parse_name(path)) is not None and which.covers(name)),
        key=lambda name: (name.started_at, name.path),
    )
    for name in names:
        click.echo(
            f"{name.started_at:%Y-%m-%d %H:%M}  {name.environment}  {name.scenario}  {name.run_kind}  {name.run_id}"
        )
    click.echo(f"{len(names)} runs.", err=True)


def show(store: HistoryStore, run_id: str) -> None:
    """Print what was kept of a run, of each of its scenarios.

    Raises:
        ConfigurationError: There is no such run, no history, or the entry is damaged.
    """
    store.require()
    names = [path for path in store.names() if (name := history.parse_name(path)) and name.run_id == run_id]
    if not names:
        raise ConfigurationError(
            f"there is no run {run_id} in the history", where="--run", remedy="`chamiperf history list` shows them all."
        )
    for path, content in store.read(names):
        history.require_whole(path, content)
        click.echo(content.decode(errors="replace"), nl=False)


def export(store: HistoryStore, which: history.Wanted, *, form: str, output: Path | None) -> None:
    """Write one line a metric, as CSV with a head line or as JSON lines; damaged files are named on standard error.

    Raises:
        ConfigurationError: There is no history, the file cannot be written, or an entry is of a newer version.
    """
    store.require()
    reading = history.read(store, which)
    lines = (line for entry in reading.entries for line in _lines(entry))
    text = _csv(lines) if form == "csv" else "".join(json.dumps(line) + "\n" for line in lines)
    hand_over(text, output, reading)
    click.echo(f"{len(reading.entries)} runs exported.", err=True)


def hand_over(text: str, output: Path | None, reading: history.Reading) -> None:
    """Write what was made of a history to a file or to standard output, and name its damaged files on standard error.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    if output is None:
        click.echo(text, nl=False)
    else:
        files.write_text(output, text)
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
