"""A proposal in the words of its pull request: what changes, on which evidence, and what the check says of it."""

from collections.abc import Sequence

from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.fingerprint import Identity
from chamiperf_ci.render.baseline_change import table
from chamiperf_ci.render.baseline_findings import findings_table
from chamiperf_ci.render.escaping import markdown
from chamiperf_ci.render.numbers import counted
from chamiperf_ci.steps.baselines.candidates import Candidate
from chamiperf_ci.steps.baselines.check import check
from chamiperf_ci.steps.baselines.proposal import Intent, Proposal

_VERBS = {"add": "Add", "replace": "Replace the baseline by", "init": "Begin the baseline with"}


def title(proposal: Proposal, wanted: Intent, environment: str) -> str:
    """Return the pull request's title, such as `Add 2 accepted runs of lab`."""
    runs = sum(len(ids) for ids in proposal.accepted.values())
    return f"{_VERBS[wanted.act]} {counted(runs, 'accepted run')} of {environment}"


def body(
    base: Baselines, now: Baselines, proposal: Proposal, wanted: Intent, candidates: Sequence[Candidate], *, link: str
) -> str:
    """Return the pull request's text, in GitHub's markdown.

    Args:
        base: The file on the branch to merge into.
        now: The file after the merge.
        proposal: What would change.
        wanted: Who wants it, and why.
        candidates: The runs to accept.
        link: The workflow run that proposes; empty outside one.
    """
    thoughts = [*(f"overruled: {text}" for text in proposal.overrides), *proposal.warnings]
    parts = [
        f"**{markdown(wanted.reason)}** ({markdown(wanted.who)})",
        "Merging this changes what every later run is compared with. Nothing merges it by itself.",
        "### Old and new",
        table(proposal.rows, for_github=True),
        *(["### To think about", "\n".join(f"- {markdown(text)}" for text in thoughts)] if thoughts else []),
        "### Evidence",
        _evidence(candidates),
        *([f"Proposed by {link}"] if link else []),
        "### Check",
        findings_table(check(now, today=wanted.today, base=base), for_github=True),
        "A pull request opened with the job's own token starts no workflow; close and reopen it to run its checks.",
    ]
    return "\n\n".join(parts) + "\n"


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
