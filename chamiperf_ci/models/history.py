"""One run as the history keeps it: small, complete enough for drift, trends, missing nights and a new baseline.

One file a run; a file is written once and never changed.
"""

from datetime import datetime
from typing import ClassVar, Literal

from chamiperf_ci.models.baselines import AcceptedRow
from chamiperf_ci.models.document import Document
from chamiperf_ci.models.fingerprint import Fingerprint, Identity, Machine
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.vocabulary import RowVerdict, TargetVerdict


class HistoryRow(AcceptedRow):
    """One metric, and what was said of it that night."""

    verdict: RowVerdict | None = None
    """None where the run was not judged, or not this metric."""
    target: TargetVerdict | None = None
    """None where the metric has no target, or none was judged."""


class HistoryEntry(Document):
    """See the module."""

    KIND: ClassVar[str] = "history"

    kind: Literal["history"] = "history"
    run_kind: RunKind
    """Only nights count for drift and as candidates for a baseline."""
    run_id: str
    started_at: datetime
    ended_at: datetime
    valid: bool
    problems: tuple[str, ...] = ()
    """Why the run could not be judged, as `reason: text`."""
    fingerprint: Fingerprint
    machine: Machine
    identities: tuple[Identity, ...]
    injected_faults: tuple[str, ...] = ()
    rows: tuple[HistoryRow, ...]
    """Empty for a run that could not be judged."""
    word: str = ""
    """The night's outcome in one word, if it was judged."""
    exit_code: int | None = None
    baselines_digest: str = ""
    """Of the baselines file that the night was compared with."""
    link: str = ""
    """The workflow run that made it."""
