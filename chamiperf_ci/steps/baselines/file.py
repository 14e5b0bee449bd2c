"""`baselines`: checking, starting and importing baselines.json."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from chamiperf_ci.adapters import bounds, console, files
from chamiperf_ci.adapters.files import default_baselines
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines, Level, Rule, ScenarioRules, TargetRule
from chamiperf_ci.models.schemas import exported
from chamiperf_ci.render.baselines import (
    Finding,
    Severity,
    findings_sentence,
    findings_table,
    layout,
    most_severe_first,
)
from chamiperf_ci.render.text import plain
from chamiperf_ci.steps.baselines.candidates import Sources, candidates
from chamiperf_ci.steps.baselines.propose import init_baseline
from chamiperf_ci.steps.baselines.review import check, weakened
from chamiperf_ci.steps.baselines.update import show, user_name
from chamiperf_ci.steps.compare.scenarios import read_runs
from chamiperf_ci.steps.compare.step import RESTORE

SOURCE = "Chamicore's tests/load/baselines.json"

_ENDPOINTS = MappingProxyType(
    {"boot_storm": "bootscript", "cloud_init_storm": "user-data", "inventory_scale": "component-get"}
)
"""The one request that each of Chamicore's load scripts makes."""
_METRICS = MappingProxyType(
    {
        "http_req_duration_p50_ms": ("p50", "ms"),
        "http_req_duration_p95_ms": ("p95", "ms"),
        "http_req_duration_p99_ms": ("p99", "ms"),
        "http_req_failed_rate_max": ("errors", "share"),
    }
)


@dataclass(frozen=True, slots=True)
class Imported:
    """The file with the targets taken over, the names of those, and of what was left."""

    baselines: Baselines
    taken: tuple[str, ...]
    left: tuple[str, ...]


def import_targets(baselines: Baselines, data: Any, *, where: str) -> Imported:  # noqa: ANN401 - any JSON
    """Return `baselines` with the targets of Chamicore's file in place of its own for the same metrics.

    Raises:
        ConfigurationError: It is not such a file, or a limit is not a positive number.
    """
    if not isinstance(data, dict) or not set(data) & set(_ENDPOINTS):
        raise ConfigurationError(
            f"none of the scenarios {', '.join(_ENDPOINTS)} is in it", where=where, remedy=f"Give {SOURCE}."
        )
    taken: dict[tuple[str, str], TargetRule] = {}
    left: list[str] = []
    for scenario, fields in sorted(data.items()):
        if scenario not in _ENDPOINTS or not isinstance(fields, dict):
            left.append(scenario)
            continue
        left += [f"{scenario}.{name}" for name in sorted(fields) if name not in _METRICS]
        taken |= {(scenario, metric): target for metric, target in _targets(fields, f"{where}, {scenario}")}
    return Imported(
        baselines=_with(baselines, taken),
        taken=tuple(
            f"{scenario} / {_ENDPOINTS[scenario]} {metric}: at most {target.limit:g} {target.unit}"
            for (scenario, metric), target in taken.items()
        ),
        left=tuple(left),
    )


def _targets(fields: Mapping[str, Any], where: str) -> Iterator[tuple[str, TargetRule]]:
    for name, (metric, unit) in _METRICS.items():
        if name not in fields:
            continue
        limit = fields[name]
        if isinstance(limit, bool) or not isinstance(limit, int | float) or limit <= 0:
            raise ConfigurationError(
                f"{name} is {limit!r}, not a positive number", where=where, remedy="Correct it there first."
            )
        yield metric, TargetRule(limit=limit, unit=unit, source=SOURCE)


def _with(baselines: Baselines, taken: Mapping[tuple[str, str], TargetRule]) -> Baselines:
    scenarios = dict(baselines.rules.scenarios)
    for (scenario, metric), target in taken.items():
        of_scenario = scenarios.get(scenario, ScenarioRules())
        endpoint = _ENDPOINTS[scenario]
        level = of_scenario.endpoints.get(endpoint, Level())
        rule = level.metrics.get(metric, Rule())
        present = rule.target if isinstance(rule.target, TargetRule) else None
        if present is not None and (present.limit, present.unit) == (target.limit, target.unit):
            continue
        changed = level.model_copy(
            update={"metrics": {**level.metrics, metric: rule.model_copy(update={"target": target})}}
        )
        scenarios[scenario] = of_scenario.model_copy(update={"endpoints": {**of_scenario.endpoints, endpoint: changed}})
    rules = baselines.rules.model_copy(update={"scenarios": scenarios})
    return baselines.model_copy(update={"rules": rules})


_LOUD = {Severity.BROKEN: console.AnnotationLevel.ERROR, Severity.WEAKER: console.AnnotationLevel.WARNING}


def check_file(path: Path, *, base: Path | None, places: Sequence[Path], today: date) -> tuple[Finding, ...]:
    """Show what a reviewer should see, on the terminal, in the job summary and as annotations.

    Returns:
        What it found, the gravest first.

    Raises:
        ConfigurationError: A file is not valid; says the line and the field.
    """
    runs = read_runs(places) if places else ()
    before = files.read_document(base, Baselines, remedy=RESTORE) if base is not None else None
    baselines = files.read_document(path, Baselines, remedy=RESTORE)
    found = most_severe_first(
        (*check(baselines, today=today, base=before, runs=runs), *_layout_finding(path, baselines))
    )
    click.echo(console.quoted(findings_table(found)))
    sentence = findings_sentence(found)
    click.echo(sentence, err=True)
    console.append_summary(f"### {sentence}\n\n{findings_table(found, for_github=True)}")
    console.annotate(
        [
            console.Annotation(_LOUD[one.severity], f"baselines.json: {one.what}", _line(one))
            for one in found
            if one.severity in _LOUD
        ]
    )
    count = {severity: sum(one.severity is severity for one in found) for severity in _LOUD}
    console.publish({severity.value: number for severity, number in count.items()})
    return found


def format_file(path: Path) -> Baselines:
    """Write the file in its layout, and return what it says, which stays the same.

    Raises:
        ConfigurationError: The file is not valid, or cannot be written.
    """
    with files.changing(path):
        baselines = files.read_document(path, Baselines, remedy=RESTORE)
        files.write_text(path, layout(baselines))
    click.echo(f"{path} is in its layout.", err=True)
    return baselines


def init_file(path: Path, *, sources: Sources, who: str | None, reason: str, link: str, today: date) -> Baselines:
    """Write and return a first file, from the rules of `path` if it is there, else from those that ship.

    The JSON Schema that the file names for editors is written as well, unless it is there.

    Raises:
        ConfigurationError: As `init_baseline`, runs and a history are named, or a file cannot be read or written.
    """
    rules = files.read_document(path if path.exists() else default_baselines(), Baselines, remedy=RESTORE)
    begun = init_baseline(
        rules,
        candidates(sources, rules),
        who=who or user_name(),
        reason=reason,
        link=link,
        today=today,
        options=sources.options,
    )
    show(begun)
    for text in (*begun.skipped, *filter(None, [begun.thin])):
        click.echo(f"warning: {plain(text)}", err=True)
    for known in begun.baselines.acknowledgements:
        where = f"{known.scenario} / {known.endpoint} {known.metric}"
        click.echo(f"acknowledged until {known.expires}: {plain(where)}: {plain(known.reason)}", err=True)
    files.write_text(path, layout(begun.baselines))
    schema = path.parent / begun.baselines.schema_uri
    written = f"Written to {path}"
    if begun.baselines.schema_uri and not schema.exists():
        files.write_text(schema, exported()["baselines.schema.json"])
        written += f", and what editors check it by to {schema}"
    click.echo(f"{written}. Read it, and commit what was written, so that it is reviewed.", err=True)
    return begun.baselines


def import_file(path: Path, *, theirs: Path) -> Baselines:
    """Take over targets from Chamicore's own file, show what they weaken, and return the file.

    Raises:
        ConfigurationError: A file cannot be read or written, or is something else.
    """
    present = files.read_document(path, Baselines, remedy=RESTORE)
    data = files.read_json(theirs, remedy="Give Chamicore's tests/load/baselines.json with --from.")
    imported = import_targets(present, data, where=str(theirs))
    if imported.baselines == present:
        click.echo("Nothing to import: every target is there already.", err=True)
        return present
    for text in imported.taken:
        click.echo(plain(text))
    click.echo(findings_table(weakened(present, imported.baselines)))
    click.echo(f"Not taken, since profiles decide how to drive: {plain(', '.join(imported.left))}", err=True)
    files.write_text(path, layout(imported.baselines))
    click.echo(f"Written to {path}. Commit it, so that it is reviewed.", err=True)
    return imported.baselines


def _layout_finding(path: Path, baselines: Baselines) -> tuple[Finding, ...]:
    """An edit in another layout makes the next change of the file unreadable."""
    if bounds.read(path) == layout(baselines):
        return ()
    return (Finding(Severity.NOTE, "another layout", str(path), now="rewrite it: chamiperf baselines format"),)


def _line(found: Finding) -> str:
    change = " -> ".join(part for part in (found.before, found.now) if part)
    return ": ".join(part for part in (found.where, change) if part)
