"""A row of the fault catalogue: what is broken, the commands, the outcome it must have, and how that is checked.

`ends` lists the commands with their exit codes as in "load 3, compare 3"; `a|b` stands for either. `kept` lists what is
below `out` in the end, k6's own working files apart. `reasons` are reason codes of runs and rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.models.vocabulary import RowVerdict, RunReason, TargetVerdict

MACHINE = frozenset({RunReason.GENERATOR_SATURATED, RunReason.LOAD_NOT_REACHED})
"""Reasons that a run may have in addition, because the catalogue shares its machine with whatever else runs there."""
SHOWN_REASONS = frozenset({RowVerdict.INVALID, RowVerdict.UNAVAILABLE, RowVerdict.INCONCLUSIVE, RowVerdict.REGRESSION})


@dataclass(frozen=True)
class Must:
    """The outcome that a fault must have."""

    ends: str
    word: str = "-"
    """The verdict's; `-` where there must be no verdict."""
    reasons: str = ""
    perhaps: str = ""
    """Reason codes that it may have as well."""
    kept: str = ""
    says: str = ""
    """A part of what the commands said on standard error, or of a run's problems."""
    by_the_service: bool = False
    """Whether the fault lies in the service, so that a slow verdict is the right one."""

    @property
    def passes(self) -> bool:
        """Whether the chain may end as if all were well."""
        return all("0" in end.split()[1].split("|") for end in self.ends.split(", "))


@dataclass(frozen=True)
class Fault:
    """One row."""

    theme: str
    name: str
    act: Callable[[Any], None]
    """Breaks something on the stage and runs the commands."""
    must: Must


@dataclass
class Theme:
    """Rows of one kind, in the order in which they are written down."""

    name: str
    rows: list[Fault] = field(default_factory=list)

    def row(self, name: str, **must: Any) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
        """Enter a function as a row: `name` says what is broken, the rest is the row's Must."""

        def enter(act: Callable[[Any], None]) -> Callable[[Any], None]:
            self.rows.append(Fault(self.name, name, act, Must(**must)))
            return act

        return enter


@dataclass(frozen=True)
class Observed:
    """What became of a fault."""

    ends: tuple[tuple[str, int], ...]
    said: str
    runs: tuple[Run, ...]
    verdict: Verdict | None
    kept: tuple[str, ...]

    @property
    def word(self) -> str:
        """The verdict's word; `-` without a verdict."""
        return "-" if self.verdict is None else self.verdict.outcome.word

    @property
    def run_reasons(self) -> set[str]:
        """Reason codes of the runs."""
        return {str(problem.reason) for run in self.runs for problem in run.problems}

    @property
    def row_reasons(self) -> set[str]:
        """Reason codes of the verdict: of its rows, of their targets, and of the runs that it names."""
        rows = () if self.verdict is None else self.verdict.rows
        reasons = {row.reason for row in rows if row.verdict in SHOWN_REASONS}
        scenarios = () if self.verdict is None else self.verdict.scenarios
        of_runs = {reason for each in scenarios for reason in (*each.reasons, *each.repeat_reasons)}
        return {str(each) for each in reasons | of_runs | {row.target.reason for row in rows} if each is not None}

    @property
    def ended(self) -> str:
        """The commands with their exit codes."""
        return ", ".join(f"{name} {code}" for name, code in self.ends)

    def is_silent_pass(self, must: Must) -> bool:
        """Whether the chain ended as if all were well, although it must not."""
        unseen = not must.passes and all(code == 0 for _, code in self.ends)
        return unseen or (self.word == "pass" and "pass" not in must.word.split("|"))

    def is_slow_without_cause(self, must: Must) -> bool:
        """Whether a latency was condemned, although the fault is not in the service."""
        rows = () if self.verdict is None else self.verdict.rows
        slow = [row for row in rows if row.unit == "ms" and row.verdict is RowVerdict.REGRESSION]
        missed = [row for row in rows if row.unit == "ms" and row.target.verdict is TargetVerdict.MISSED]
        return bool(slow or missed) and not must.by_the_service

    def differences(self, must: Must) -> list[str]:
        """What is not as it must be, in sentences."""
        wanted = [end.split() for end in must.ends.split(", ")]
        found = []
        if [name for name, _ in self.ends] != [name for name, _ in wanted] or any(
            str(code) not in allowed.split("|") for (_, code), (_, allowed) in zip(self.ends, wanted, strict=False)
        ):
            found.append(f"ended {self.ended}, must end {must.ends}")
        if self.word not in must.word.split("|"):
            found.append(f"the verdict is {self.word}, must be {must.word}")
        reasons = set(must.reasons.split())
        if missing := reasons - self.run_reasons - self.row_reasons:
            found.append(f"no reason {', '.join(sorted(missing))} among {self.run_reasons | self.row_reasons}")
        if more := self.run_reasons - reasons - set(must.perhaps.split()) - MACHINE:
            found.append(f"runs have further reasons: {', '.join(sorted(more))}")
        if set(self.kept) != set(must.kept.split()):
            found.append(f"kept is {' '.join(self.kept) or 'nothing'}, must be {must.kept or 'nothing'}")
        problems = [problem.text for run in self.runs for problem in run.problems]
        if must.says not in "\n".join([self.said, *problems]):
            found.append(f"nobody said {must.says!r}")
        if "Traceback" in self.said or any(code not in range(5) for _, code in self.ends if code >= 0):
            found.append("an internal error")
        return found
