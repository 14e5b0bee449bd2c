"""`update-baseline`: files in, a patch out; and the patch into the file."""

import getpass
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click

from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.run import Run
from chamiperf_ci.render.baseline_change import patch_text, table
from chamiperf_ci.render.baselines_layout import layout
from chamiperf_ci.render.escaping import plain
from chamiperf_ci.steps.baselines.candidates import CANDIDATES, Overrule, from_run
from chamiperf_ci.steps.baselines.patch import Operation, apply_patch
from chamiperf_ci.steps.baselines.proposal import Intent, Proposal, propose
from chamiperf_ci.steps.compare.sittings import read_runs

RESTORE = "Restore the file from version control."
_PROPOSE = "Make it with `chamiperf update-baseline propose`."


def intent(*, replace: bool, who: str | None, reason: str, today: date, overrule: Sequence[str]) -> Intent:
    """Return what a person wants as one value; without a name, the user's of this machine."""
    return Intent(
        act="replace" if replace else "add",
        who=who or getpass.getuser(),
        reason=reason,
        today=today,
        overrule=frozenset(map(Overrule, overrule)),
    )


def propose_runs(places: Sequence[Path], baselines: Path, patch: Path, wanted: Intent) -> Proposal:
    """Show a proposal (table and patch on standard output, what to think about on standard error) and write its patch.

    Raises:
        ConfigurationError: As `propose`, or a file cannot be read or written.
    """
    present = files.read_document(baselines, Baselines, remedy=RESTORE)
    proposal = propose(present, [from_run(run, present) for run in runs_in(places)], wanted)
    show(proposal)
    text = patch_text(proposal.patch)
    click.echo(f"\n{text}", nl=False)
    files.write_text(patch, text)
    click.echo(
        f"The patch is in {patch}. Apply it: chamiperf update-baseline apply --baselines {baselines} --patch {patch}",
        err=True,
    )
    return proposal


def runs_in(places: Sequence[Path]) -> tuple[Run, ...]:
    """Read the runs to accept; of a folder's runs, repeats, pairs and drills are passed over, named files are not."""
    found: list[Run] = []
    for place in places:
        runs = read_runs([place])
        found += [one for one in runs if one.run_kind in CANDIDATES] if place.is_dir() else runs
    return tuple(found)


def show(proposal: Proposal) -> None:
    """Print the table on standard output, overrides and warnings on standard error."""
    click.echo(table(proposal.rows))
    for text in proposal.overrides:
        click.echo(f"overruled: {plain(text)}", err=True)
    for text in proposal.warnings:
        click.echo(f"warning: {plain(text)}", err=True)


def apply_file(baselines: Path, patch: Path) -> None:
    """Show a patch, apply it to the file, and write the file.

    Raises:
        ConfigurationError: The patch was made against another state, or a file cannot be read or written.
    """
    operations = read_patch(patch)
    changed = apply_patch(files.read_document(baselines, Baselines, remedy=RESTORE), operations, where=str(patch))
    click.echo(patch_text(operations), nl=False)
    files.write_text(baselines, layout(changed))
    click.echo(f"Applied to {baselines}. Commit it, so that it is reviewed.", err=True)


def read_patch(path: Path) -> list[Operation]:
    """Read a patch: a JSON array of objects.

    Raises:
        ConfigurationError: It is missing or something else.
    """
    data = files.read_json(path, remedy=_PROPOSE)
    if not isinstance(data, list) or not all(isinstance(operation, dict) for operation in data):
        raise ConfigurationError(
            "not an RFC 6902 patch: expected an array of objects", where=str(path), remedy=_PROPOSE
        )
    return data
