"""The words of a verdict: every verdict, reason and direction, spelt once."""

from enum import StrEnum
from typing import Literal


class Direction(StrEnum):
    """Which way is good: `lower` for latency and errors, `higher` for throughput."""

    LOWER = "lower"
    HIGHER = "higher"


class RowVerdict(StrEnum):
    """What a row says about the change against its baseline (verdict.md section 5)."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"


class TargetVerdict(StrEnum):
    """What a row says about its target (verdict.md section 8)."""

    MET = "met"
    MISSED = "missed"
    AT_THE_LIMIT = "at the limit"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"
    NONE = "none"


class RunReason(StrEnum):
    """Why a whole run is not judged (verdict.md section 2, design.md section 4)."""

    GENERATOR_SATURATED = "generator-saturated"
    DROPPED_ITERATIONS = "dropped-iterations"
    LOAD_NOT_REACHED = "load-not-reached"
    INCOMPLETE = "incomplete"
    THROTTLED = "throttled"
    AUTH_EXPIRED = "auth-expired"
    BRAKE_FAILURES = "brake-failures"
    BRAKE_READINESS = "brake-readiness"
    MAX_DURATION = "max-duration"
    OUT_OF_MEMORY = "out-of-memory"
    GENERATOR_DIED = "generator-died"
    SCRIPT_FAILED = "script-failed"
    STACK_UNREACHABLE = "stack-unreachable"
    LOCK_LOST = "lock-lost"
    SHARD_MISSING = "shard-missing"
    NOT_POSSIBLE = "not-possible"
    NOT_RUN_BUDGET = "not-run-budget"


NOT_BY_CHANCE = frozenset({RunReason.SCRIPT_FAILED, RunReason.AUTH_EXPIRED, RunReason.THROTTLED})
"""Why a run is invalid that another one would be as well: who makes invalid runs again stops at these."""


class RowReason(StrEnum):
    """Why a row has the verdict it has; each has a card in `docs/verdicts.md`."""

    # invalid
    RUN_INVALID = "run-invalid"
    FINGERPRINT_MISMATCH = "fingerprint-mismatch"
    ERROR_BURST = "error-burst"
    TOO_FEW_REQUESTS = "too-few-requests"
    STATISTIC_MISMATCH = "statistic-mismatch"
    NOT_A_QUANTITY = "not-a-quantity"
    RESTARTED = "restarted"
    MACHINE_BUSY = "machine-busy"
    UNIT_MISMATCH = "unit-mismatch"
    # unavailable
    RESOLUTION = "resolution"
    NO_BASELINE = "no-baseline"
    NOT_OFFERED = "not-offered"
    NOT_MEASURED = "not-measured"
    SIMULATED = "simulated"
    TOO_SHORT = "too-short"
    NOT_COMPARED = "not-compared"
    # inconclusive
    SUSPECT_NOT_REPEATED = "suspect-not-repeated"
    RUNS_DISAGREE = "runs-disagree"
    NOISY = "noisy"
    THIN_BASELINE = "thin-baseline"
    TOO_FEW_PAIRS = "too-few-pairs"
    PART_OF_RUN = "part-of-run"
    NO_EARLIER_FIGURE = "no-earlier-figure"
    # pass, improvement, regression
    WITHIN_TOLERANCE = "within-tolerance"
    SLOWER_WITHIN_TOLERANCE = "slower-within-tolerance"
    WITHIN_OVER_NIGHTS = "within-tolerance-over-nights"
    FASTER = "faster"
    ONE_RUN = "one-run"
    SLOWER_IN_ALL_RUNS = "slower-in-all-runs"
    SLOWER_IN_PAIRS = "slower-in-pairs"
    SLOWER_THAN_HALF_AGAIN = "slower-than-half-again"
    MORE_STALLED_WINDOWS = "more-stalled-windows"
    MORE_ERRORS = "more-errors"
    SLOWER_CONNECTIONS = "slower-connections"
    LOWER_RATE = "lower-rate"
    ABOVE_TOLERANCE = "above-tolerance"
    DRIFT = "drift"


DEFAULT_TOLERANCE = 0.20
"""The slowdown that passes where no rule says another; 0.20 is 20 %."""

DRIFT_NIGHTS = 7
"""Valid nights, tonight's among them, that are put against the baseline to see a slow drift."""

UNKNOWN_BASELINE = frozenset({RowReason.NO_BASELINE, RowReason.FINGERPRINT_MISMATCH})
"""Why a row has nothing to be compared with; forgiven while its environment is learning."""


class RowKind(StrEnum):
    """How a row is judged: by the change of a quantity, by stalled windows or failures, or by a difference.

    A difference is for what is often nothing, so that no ratio can be formed: the time until there is a connection,
    and the share of the planned rate that was achieved.
    """

    QUANTITY = "quantity"
    STALLED_WINDOWS = "stalled-windows"
    ERRORS = "errors"
    CONNECTION = "connection"
    RATE = "rate"


class FailOn(StrEnum):
    """What may turn a night's exit code; the first three do unless a user says otherwise (verdict.md section 5)."""

    REGRESSION = "regression"
    TARGET = "target"
    INVALID = "invalid"
    INCONCLUSIVE = "inconclusive"
    DRIFT = "drift"


class Statistic(StrEnum):
    """How a run's number was formed: the median of its windows, what the slowest quarter of them reaches, or pooled."""

    MEDIAN_OF_WINDOWS = "median-of-windows"
    POOLED = "pooled"
    SLOW_QUARTER = "slow-quarter"
    VALUE = "value"


class MetricClass(StrEnum):
    """The class that decides a metric's prior spread between runs (verdict.md section 4)."""

    P50 = "p50"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"
    P999 = "p99.9"
    THROUGHPUT = "throughput"


class FactWord(StrEnum):
    """What a reader should know beside the numbers of a row, a scenario or a night; `render/facts.py` words it."""

    # of a row
    POOLED = "pooled"
    WINDOWS_FAILING = "windows-failing"
    WINDOWS_FLAWED = "windows-flawed"
    NO_THICK_WINDOW = "no-thick-window"
    NEVER_JUDGED = "never-judged"
    MERGED_WITHIN = "merged-within"
    SERVER_NOTE = "server-note"
    OLD_BUILD_BESIDE = "old-build-beside"
    NEW_HERE = "new-here"
    NOT_NEW_HERE = "not-new-here"
    BACK_TO_BACK = "back-to-back"
    EXEMPT = "exempt"
    ACKNOWLEDGEMENT_EXPIRED = "acknowledgement-expired"
    REGRESSION_GREW = "regression-grew"
    MISS_GREW = "miss-grew"
    OTHER_WORK = "other-work"
    DRIFT_BEGAN = "drift-began"
    # of a scenario
    RUN_WARNING = "run-warning"
    CHECK_FAILED = "check-failed"
    CHECK_UNKNOWN = "check-unknown"
    NOT_MEASURED = "not-measured"
    FAULTS_INJECTED = "faults-injected"
    UNPAIRED = "unpaired"
    OLDER_THAN_NIGHT = "older-than-night"
    INVALID_AGAIN = "invalid-again"
    UNLIKE_AGAIN = "unlike-again"
    BASELINE_OLD = "baseline-old"
    BASELINE_SMALL = "baseline-small"
    INSECURE = "insecure"
    BUSY_AT_START = "busy-at-start"
    MACHINE_DIFFERS = "machine-differs"
    BUILD_DIFFERS = "build-differs"
    BUILD_UNNAMED = "build-unnamed"
    LOST = "lost"
    STAMPED_AHEAD = "stamped-ahead"
    # of a night
    ADR_GATE = "adr-gate"
    NO_HISTORY = "no-history"
    HISTORY = "history"
    EDITED_BY_HAND = "edited-by-hand"
    ACKNOWLEDGEMENT_OVER = "acknowledgement-over"
    BASELINE_STALE = "baseline-stale"
    TOO_COARSE = "too-coarse"
    RULES_IDLE = "rules-idle"


RUNS_WANTED = 5
"""Accepted runs of a whole baseline, each from a night of its own."""
LEARNING_NIGHTS = 21
"""Nights of a new environment in which a missing baseline costs nothing."""
DEFAULT_FAIL_ON = frozenset({FailOn.REGRESSION, FailOn.TARGET, FailOn.INVALID})
"""What fails a night unless a person says otherwise."""
SLOW_QUARTER = "slow-quarter "
"""Begins the name of a metric's row of the slowest quarter of windows."""

Word = Literal[
    "pass", "regression", "target missed", "invalid", "inconclusive", "learning", "drift", "targets only", "not decided"
]
"""The gravest thing that a night has seen, whether or not it fails the night."""
