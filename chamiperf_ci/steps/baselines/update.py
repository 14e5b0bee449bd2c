"""`update-baseline`: proposes a change as a pull request, or applies one."""

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import click

from chamiperf_ci.adapters import console, files
from chamiperf_ci.adapters.files import default_baselines
from chamiperf_ci.adapters.github import pull_requests
from chamiperf_ci.adapters.github.api import Api
from chamiperf_ci.adapters.github.pull_requests import Base
from chamiperf_ci.adapters.github.repository import WorkflowRun, read_text
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.target import Identity
from chamiperf_ci.render.baselines import findings_table, layout, patch_text, table
from chamiperf_ci.render.numbers import counted
from chamiperf_ci.render.text import markdown, plain
from chamiperf_ci.steps.baselines.candidates import Candidate, Override, Sources, candidates, select_runs
from chamiperf_ci.steps.baselines.propose import Intent, Operation, Proposal, apply_patch, propose, retire
from chamiperf_ci.steps.baselines.review import check
from chamiperf_ci.steps.compare.step import RESTORE

_VERBS = {"add": "Add", "replace": "Replace the baseline by", "init": "Begin the baseline with"}


def title(proposal: Proposal, wanted: Intent, environment: str) -> str:
    """Return the pull request's title, such as `Add 2 accepted runs of lab`."""
    runs = sum(len(ids) for ids in proposal.accepted.values())
    return f"{_VERBS[wanted.act]} {counted(runs, 'accepted run')} of {environment}"


def body(
    base: Baselines,
    now: Baselines,
    proposal: Proposal,
    wanted: Intent,
    candidates: Sequence[Candidate],
    *,
    link: str,
    origin: str = "",
) -> str:
    """Return the pull request's text, in GitHub's markdown.

    Args:
        base: The file on the branch to merge into.
        now: The file after the merge.
        proposal: What would change.
        wanted: Who wants it, and why.
        candidates: The runs to accept.
        link: The workflow run that proposes; empty outside one.
        origin: Where the numbers come from, in markdown; empty where nobody knows.
    """
    thoughts = [*(f"overruled: {text}" for text in proposal.overrides), *proposal.warnings]
    parts = [
        f"**{markdown(wanted.reason)}** ({markdown(wanted.who)})",
        "Merging this changes what every later run is compared with. Nothing merges it automatically.",
        "### Old and new",
        table(proposal.rows, for_github=True),
        *(["### To think about", "\n".join(f"- {markdown(text)}" for text in thoughts)] if thoughts else []),
        "### Evidence",
        _evidence(candidates),
        *([origin] if origin else []),
        *([f"Proposed by {link}"] if link else []),
        "### Check",
        findings_table(check(now, today=wanted.today, base=base), for_github=True),
        "A pull request opened with the job's own token starts no workflow; close and reopen it to run its checks.",
    ]
    return "\n\n".join(parts) + "\n"


def origin_of(run: WorkflowRun) -> str:
    """Return whose numbers a workflow run made, in markdown.

    Raises:
        ConfigurationError: It ran a fork's code, which can make any number it likes.
    """
    if run.head_repository != run.repository:
        raise ConfigurationError(
            f"run {run.number} ran the code of {run.head_repository or 'a fork that was deleted'}, "
            f"not of {run.repository}",
            where="--from-run",
            remedy="Accept the runs of a night or a branch of this repository: a fork's code can produce any number.",
        )
    return (
        f"The numbers are of [run {run.number}]({run.url}): event `{markdown(run.event)}`, head "
        f"{markdown(run.head_branch)} at {run.head_sha[:12]}."
    )


def _evidence(candidates: Sequence[Candidate]) -> str:
    head = "| run | scenario | started | build |\n|:--|:--|:--|:--|"
    lines = (
        f"| {markdown(one.run_id)} | {markdown(one.fingerprint.scenario)} | {one.started_at:%Y-%m-%d %H:%M} "
        f"| {markdown(', '.join(map(_build, one.identities)) or 'unknown')} |"
        for one in sorted(candidates, key=lambda one: (one.fingerprint.scenario, one.started_at))
    )
    return "\n".join((head, *lines))


def _build(identity: Identity) -> str:
    return f"{identity.service} {identity.commit or identity.image or identity.version}".strip()


_PROPOSE = "Make it with `chamiperf update-baseline propose --reason TEXT --runs out/runs`."


def intent(*, replace: bool, who: str | None, reason: str, today: date, overrule: Sequence[str]) -> Intent:
    """Return what a person wants as one value; without a name, the user's of this machine."""
    return Intent(
        act="replace" if replace else "add",
        who=who or user_name(),
        reason=reason,
        today=today,
        overrule=frozenset(map(Override, overrule)),
    )


def user_name() -> str:
    """Return the name of this machine's user.

    Raises:
        ConfigurationError: The user has none, as in some containers.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise ConfigurationError(
            "nobody is named as accepting the runs", where="--who", remedy="Give your name; the file records it."
        ) from error


def propose_runs(sources: Sources, baselines: Path, patch: Path, wanted: Intent) -> Proposal:
    """Show a proposal (table and patch on standard output, what to think about on standard error), write its patch.

    Raises:
        ConfigurationError: As `propose`, or a file cannot be read or written.
    """
    present = files.read_document(baselines, Baselines, remedy=RESTORE)
    return _write_patch(propose(present, _chosen(sources, present, wanted), wanted), baselines, patch)


def _chosen(sources: Sources, present: Baselines, wanted: Intent) -> tuple[Candidate, ...]:
    """The runs that were named; of a range of the history those that fit, the others named on standard error."""
    found = candidates(sources, present)
    if sources.store is None:
        return found
    chosen = select_runs(found, present, replaces=wanted.act == "replace", overrule=wanted.overrule)
    for text in chosen.skipped:
        click.echo(plain(text), err=True)
    if not chosen.taken:
        raise ConfigurationError(
            "no night of this range is left to accept",
            where="--environment, --scenario, --since, --until",
            remedy="The lines above say why each is skipped.",
        )
    return chosen.taken


def retire_keys(keys: Sequence[str], baselines: Path, patch: Path) -> Proposal:
    """Show what taking baselines away would change, and write it as a patch.

    Raises:
        ConfigurationError: As `retire`, or a file cannot be read or written.
    """
    return _write_patch(retire(files.read_document(baselines, Baselines, remedy=RESTORE), keys), baselines, patch)


def _write_patch(proposal: Proposal, baselines: Path, patch: Path) -> Proposal:
    show(proposal)
    text = patch_text(proposal.patch)
    click.echo(f"\n{text}", nl=False)
    files.write_text(patch, text)
    click.echo(
        f"The patch is in {patch}. Apply it: chamiperf update-baseline apply --baselines {baselines} --patch {patch}",
        err=True,
    )
    return proposal


def show(proposal: Proposal) -> None:
    """Print the table on standard output, overrides and warnings on standard error."""
    click.echo(table(proposal.rows))
    for text in proposal.overrides:
        click.echo(f"overruled: {plain(text)}", err=True)
    for text in proposal.warnings:
        click.echo(f"warning: {plain(text)}", err=True)


def apply_file(baselines: Path, patch: Path) -> list[Operation]:
    """Show a patch, apply it to the file, and write the file.

    Raises:
        ConfigurationError: The patch was made against another state, or a file cannot be read or written.
    """
    operations = read_patch(patch)
    with files.changing(baselines):
        changed = apply_patch(files.read_document(baselines, Baselines, remedy=RESTORE), operations, where=str(patch))
        click.echo(patch_text(operations), nl=False)
        files.write_text(baselines, layout(changed))
    click.echo(f"Applied to {baselines}. Commit it, so that it is reviewed.", err=True)
    return operations


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


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a pull request goes.

    Attributes:
        repository: `owner/name`.
        branch: The pull request's own branch; empty for one named after the environment.
        base: The branch to merge into; empty for the default branch.
        path: The file's path in the repository.
        link: The workflow run that proposes, as evidence; empty outside one.
        origin: Where the numbers come from, in a sentence of markdown; empty where nobody knows.
    """

    repository: str
    branch: str
    base: str
    path: str
    link: str
    origin: str = ""


def open_pull_request(
    sources: Sources, baselines: Path, wanted: Intent, destination: Destination, api: Api | None
) -> str:
    """Put a proposal before people as a pull request, or update the one that is open, and return its URL.

    With `api` None nothing is sent: what would be is printed, in the same words, and the URL is empty.

    Raises:
        ConfigurationError: As `propose`.
        GitHubFailed: GitHub refuses; names the missing permission or setting.
    """
    present = _present(baselines)
    found = _chosen(sources, present, wanted)
    proposal = propose(present, found, wanted)
    show(proposal)
    environment = found[0].fingerprint.environment
    branch = destination.branch or f"chamiperf/baseline-{environment}"
    name = title(proposal, wanted, environment)

    def change(onto: Base | None) -> pull_requests.ProposedChange:
        base = present if api is None or onto is None else at_github(api, destination, onto) or present
        # Applied to the file as it is there now: what was merged since this checkout is neither lost nor undone.
        changed = apply_patch(base, proposal.patch, where=str(baselines))
        return pull_requests.ProposedChange(
            branch=branch,
            title=name,
            body=body(base, changed, proposal, wanted, found, link=destination.link, origin=destination.origin),
            message=f"{name}\n\n{wanted.reason}",
            files={destination.path: layout(changed)},
            labels=("baseline",),
        )

    would = "would " if api is None else ""
    click.echo(f"{would}open or update a pull request from {branch}: {name}", err=True)
    if api is None:
        made = change(None)
        click.echo(made.body)
        console.append_summary(f"### Update baseline\n\nNothing was sent: a dry run.\n\n{made.body}")
        return ""
    pull, made = pull_requests.open_or_update_pull_request(
        api, destination.repository, change, base=destination.base, branch=branch
    )
    click.echo(f"Pull request #{pull.number}: {pull.url}", err=True)
    console.append_summary(f"### Update baseline\n\n[Pull request #{pull.number}]({pull.url})\n\n{made.body}")
    return pull.url


def _present(path: Path) -> Baselines:
    """The file, or the rules that ship where there is none yet: by those a repository without one is judged."""
    if not path.exists():
        click.echo(f"{path} does not exist yet: it begins with the rules that ship.", err=True)
    return files.read_document(path if path.exists() else default_baselines(), Baselines, remedy=RESTORE)


def at_github(api: Api, destination: Destination, onto: Base) -> Baselines | None:
    """The file on the branch to merge into, at the commit that the change is made on; None if it is not there yet.

    Raises:
        ConfigurationError: It is not a valid file.
        GitHubFailed: It cannot be read.
    """
    text = read_text(api, destination.repository, destination.path, ref=onto.commit)
    if text is None:
        return None
    where = f"{destination.path} of {destination.repository}, {onto.branch} at {onto.commit[:12]}"
    return files.parse_document(text, Baselines, where=where, remedy=RESTORE)
