"""`baselines check`, `init` and `import`: files in, findings and a file out."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click

from chamiperf_ci.adapters import actions, files
from chamiperf_ci.adapters.data import default_baselines
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.schemas import exported
from chamiperf_ci.render.baseline_findings import Finding, Gravity, findings_sentence, findings_table, gravest_first
from chamiperf_ci.render.baselines_layout import layout
from chamiperf_ci.render.escaping import plain
from chamiperf_ci.steps.baselines.begin import begin
from chamiperf_ci.steps.baselines.chamicore_file import import_targets
from chamiperf_ci.steps.baselines.check import check
from chamiperf_ci.steps.baselines.sources import Sources, candidates
from chamiperf_ci.steps.baselines.update import show, user_name
from chamiperf_ci.steps.baselines.weakening import weakened
from chamiperf_ci.steps.compare.sittings import read_runs
from chamiperf_ci.steps.compare.step import RESTORE

_LOUD = {Gravity.BROKEN: actions.Level.ERROR, Gravity.WEAKER: actions.Level.WARNING}


def check_file(path: Path, *, base: Path | None, places: Sequence[Path], today: date) -> ExitCode:
    """Show what a reviewer should see, on the terminal, in the job summary and as annotations.

    Returns:
        1 when something must be put right; a weakened gate is a warning, since a person may want it.

    Raises:
        ConfigurationError: A file is not valid; says the line and the field.
    """
    runs = read_runs(places) if places else ()
    before = files.read_document(base, Baselines, remedy=RESTORE) if base is not None else None
    baselines = files.read_document(path, Baselines, remedy=RESTORE)
    found = (*check(baselines, today=today, base=before, runs=runs), *_layout_finding(path, baselines))
    click.echo(actions.quoted(findings_table(found)))
    sentence = findings_sentence(found)
    click.echo(sentence, err=True)
    actions.append_summary(f"### {sentence}\n\n{findings_table(found, for_github=True)}")
    actions.annotate(
        [
            actions.Annotation(_LOUD[one.gravity], f"baselines.json: {one.what}", _line(one))
            for one in gravest_first(found)
            if one.gravity in _LOUD
        ]
    )
    count = {gravity: sum(one.gravity is gravity for one in found) for gravity in _LOUD}
    actions.publish({gravity.value: number for gravity, number in count.items()})
    return ExitCode.VERDICT_NO if count[Gravity.BROKEN] else ExitCode.OK


def format_file(path: Path) -> None:
    """Write the file in its layout; what it says stays the same.

    Raises:
        ConfigurationError: The file is not valid, or cannot be written.
    """
    files.write_text(path, layout(files.read_document(path, Baselines, remedy=RESTORE)))
    click.echo(f"{path} is in its layout.", err=True)


def init_file(path: Path, *, sources: Sources, who: str | None, reason: str, link: str, today: date) -> None:
    """Write a first file, from the rules of `path` if it is there, else from those that come with the package.

    The JSON Schema that the file names for editors is written as well, unless it is there.

    Raises:
        ConfigurationError: As `begin`, runs and a history are named, or a file cannot be read or written.
    """
    rules = files.read_document(path if path.exists() else default_baselines(), Baselines, remedy=RESTORE)
    begun = begin(
        rules,
        candidates(sources, rules),
        who=who or user_name(),
        reason=reason,
        link=link,
        today=today,
        options=sources.options,
    )
    show(begun.proposal)
    for text in (*begun.passed_over, *filter(None, [begun.thin])):
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


def import_file(path: Path, *, theirs: Path) -> None:
    """Take over targets from Chamicore's own file and show what they weaken.

    Raises:
        ConfigurationError: A file cannot be read or written, or is something else.
    """
    present = files.read_document(path, Baselines, remedy=RESTORE)
    data = files.read_json(theirs, remedy="Give Chamicore's tests/load/baselines.json with --from.")
    imported = import_targets(present, data, where=str(theirs))
    if imported.baselines == present:
        click.echo("Nothing to import: every target is there already.", err=True)
        return
    for text in imported.taken:
        click.echo(plain(text))
    click.echo(findings_table(weakened(present, imported.baselines)))
    click.echo(f"Not taken, since profiles decide how to drive: {plain(', '.join(imported.left))}", err=True)
    files.write_text(path, layout(imported.baselines))
    click.echo(f"Written to {path}. Commit it, so that it is reviewed.", err=True)


def _layout_finding(path: Path, baselines: Baselines) -> tuple[Finding, ...]:
    """An edit in another layout makes the next change of the file unreadable."""
    if path.read_text(encoding="utf-8") == layout(baselines):
        return ()
    return (Finding(Gravity.NOTE, "another layout", str(path), now="write it anew: chamiperf baselines format"),)


def _line(found: Finding) -> str:
    change = " -> ".join(part for part in (found.before, found.now) if part)
    return ": ".join(part for part in (found.where, change) if part)
