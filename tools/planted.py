"""Plants one fault at a time into a copy of the package, and sees the named tests go red.

A row names a text of the package, what it becomes, and the test files that must notice. The text is looked for in the
whole package and must stand in it once, so a row survives the move of a file; a row whose text is gone or doubled fails
and is to be mended, not dropped.

Usage: `make planted`, or `python tools/planted.py [PART OF A ROW'S NAME]...`; it ends with 1 unless every row is
red.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("chamiperf_ci", "chamicore_standin")
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "out", "node_modules", "__pycache__", ".*_cache", ".hypothesis")
_TESTS_FAILED = 1
"""pytest's exit code; 2 and above mean that it could not run them."""


@dataclass(frozen=True)
class Fault:
    """One planted fault."""

    name: str
    old: str
    new: str
    tests: str
    """Test files below `tests`, separated by blanks."""


VERDICT = [
    Fault(
        "verdict: the estimate decides in place of the interval",
        "if measured.high >= theta:",
        "if measured.d >= theta:",
        "verdict/test_row.py verdict/test_night.py",
    ),
    Fault("verdict: one run condemns", "RUNS_TO_DECIDE = 3", "RUNS_TO_DECIDE = 1", "verdict/test_row.py"),
    Fault(
        "verdict: the slowest run stands for all",
        "nearest = measured.offsets[0]",
        "nearest = measured.offsets[-1]",
        "verdict/test_row.py",
    ),
    Fault(
        "verdict: a run need not be half the tolerance slower",
        "if worse_survives and nearest >= theta / 2 else None",
        "if worse_survives else None",
        "verdict/test_row.py",
    ),
    Fault(
        "verdict: p values are not asked",
        "if worse_survives and nearest >= theta / 2 else None",
        "if nearest >= theta / 2 else None",
        "verdict/test_night.py",
    ),
    Fault(
        "verdict: less throughput is better",
        "sign = 1.0 if direction is Direction.LOWER else -1.0",
        "sign = 1.0",
        "verdict/test_adr_gate.py verdict/test_change.py",
    ),
    Fault(
        "verdict: the tolerance is not put on the log scale",
        "return math.log1p(tolerance) if direction",
        "return tolerance if direction",
        "verdict/test_metric_class.py",
    ),
    Fault(
        "verdict: two accepted runs are as good as five",
        "THIN_FACTORS = (2.0, 1.5)",
        "THIN_FACTORS = (1.0, 1.0)",
        "verdict/test_explain.py verdict/test_change.py",
    ),
    Fault(
        "verdict: pairs decide as loosely as rows",
        "LARGEST_P_OF_PAIRS = 0.001",
        "LARGEST_P_OF_PAIRS = 0.2",
        "verdict/test_row.py verdict/test_pairs.py",
    ),
    Fault(
        "verdict: one pair out of five is enough",
        "sum(offset > 0 for offset in measured.offsets) >= measured.current_runs - 1",
        "sum(offset > 0 for offset in measured.offsets) >= 1",
        "verdict/test_row.py verdict/test_pairs.py",
    ),
    Fault(
        "verdict: the oldest nights are the history",
        "recent = history[-MOST_HISTORY:]",
        "recent = history[:MOST_HISTORY]",
        "verdict/test_change.py",
    ),
    Fault("verdict: a wild run widens everything", "limit = 3 * max(", "limit = 3000 * max(", "verdict/test_change.py"),
    Fault(
        "verdict: many rows are judged as if each were alone",
        "if p <= q * rank / len(ranked)",
        "if p <= q",
        "verdict/test_multiplicity.py",
    ),
    Fault(
        "verdict: confirming decides anew what was not suspect",
        "if decision.suspect and decision.key in anew",
        "if decision.key in anew",
        "verdict/test_night.py",
    ),
    Fault(
        "verdict: an invalid row hides a regression",
        "1 if failing - {FailOn.INVALID} else (3 if failing else 0)",
        "3 if FailOn.INVALID in failing else (1 if failing else 0)",
        "verdict/test_outcome.py",
    ),
    Fault(
        "verdict: learning never ends",
        "environment_nights is not None and environment_nights <= LEARNING_NIGHTS",
        "environment_nights is not None",
        "verdict/test_outcome.py",
    ),
    Fault(
        "verdict: one run with more errors is enough",
        "all(run.low > max(pooled.high, SMALLEST_RATE) for run in runs)",
        "any(run.low > max(pooled.high, SMALLEST_RATE) for run in runs)",
        "verdict/test_error_rate.py",
    ),
    Fault(
        "verdict: failures that come in clumps count as independent",
        "wilson(failed / phi, requests / phi)",
        "wilson(failed, requests)",
        "verdict/test_wilson.py verdict/test_error_rate.py",
    ),
    Fault(
        "verdict: one run with more stalled windows is enough",
        "min(current) > max(baseline)",
        "max(current) > max(baseline)",
        "verdict/test_stalled.py",
    ),
    Fault(
        "verdict: a rate above its target misses it",
        "met = value < limit if direction is Direction.LOWER else value > limit",
        "met = value < limit",
        "verdict/test_targets.py",
    ),
    Fault(
        "verdict: a target for errors is met by luck",
        "if typical.high < limit:",
        "if typical.low < limit:",
        "verdict/test_targets.py",
    ),
    Fault(
        "verdict: every creep is a drift",
        "measured.d >= SMALLEST_DRIFT",
        "measured.d >= 0",
        "verdict/test_drift.py",
    ),
]
VALIDITY = [
    Fault("validity: an invalid run is compared", "if not row.run_valid:", "if False:", "verdict/test_validity.py"),
    Fault(
        "validity: a number of steps is taken for a quantity",
        "row.step > 0 and row.current.value / row.step < limits.steps",
        "False",
        "verdict/test_validity.py",
    ),
    Fault(
        "validity: one accepted run of the same statistic is enough",
        "any(kind is not row.current.statistic for kind in row.baseline_statistics)",
        "bool(row.baseline_statistics) and all(kind is not row.current.statistic for kind in row.baseline_statistics)",
        "verdict/test_validity.py",
    ),
    Fault(
        "validity: a rate is judged that was never offered",
        "return offered_rate >= limits.offered * target_rate",
        "return offered_rate > 0",
        "verdict/test_validity.py verdict/test_targets.py",
    ),
    Fault(
        "validity: a saturated generator is no problem",
        "    if health.saturated:\n",
        "    if False:\n",
        "steps/load/test_load_validity.py",
    ),
    Fault(
        "validity: dropped arrivals are no problem",
        "summary.dropped_iterations > limits.dropped_share * arrivals",
        "summary.dropped_iterations > arrivals",
        "steps/load/test_load_validity.py",
    ),
    Fault(
        "validity: missing VUs are no problem",
        "vus_missing = sustained.max_vus < limits.reached_share * planned_vus",
        "vus_missing = False",
        "steps/load/test_load_validity.py",
    ),
    Fault(
        "validity: a slow server condemns the generator",
        "elif slow and health.saturated:",
        "elif slow:",
        "steps/load/test_load_validity.py",
    ),
    Fault(
        "validity: one window stands for all",
        "if filled < limits.windows_share * plan.windows:",
        "if not filled:",
        "steps/load/test_load_validity.py",
    ),
    Fault(
        "validity: answers 429 are no problem",
        "throttled > limits.throttled_share * requests",
        "throttled > requests",
        "steps/load/test_load_validity.py",
    ),
    Fault(
        "validity: a credential that ends is no problem",
        "refused > limits.refused_share * requests",
        "refused > requests",
        "steps/load/test_load_validity.py",
    ),
    Fault(
        "validity: iterations that an exception ended are no problem",
        "times > limits.thrown_share * summary.iterations",
        "times > summary.iterations",
        "steps/load/test_load_validity.py",
    ),
]
BRAKE = [
    Fault(
        "brake: failures never stop a load",
        "/ requests <= self._limits.failure_share:",
        "/ requests <= 1:",
        "steps/load/test_brake.py",
    ),
    Fault(
        "brake: a stack that recovers is not forgiven",
        "            self._failing_since = None\n",
        "            pass\n",
        "steps/load/test_brake.py",
    ),
    Fault(
        "brake: failing counts from the second that was seen",
        "self._failing_since = before.at_s",
        "self._failing_since = now.at_s",
        "steps/load/test_brake.py",
    ),
    Fault(
        "brake: the first failing second stops the load",
        "now.at_s - self._failing_since < self._limits.after_s",
        "now.at_s < self._failing_since",
        "steps/load/test_brake.py",
    ),
    Fault(
        "brake: readiness never stops a load",
        "if self._red_for_s() < self._limits.after_s:",
        "if self._red_for_s() >= 0:",
        "steps/load/test_brake.py",
    ),
    Fault(
        "brake: a load lasts as long as it likes",
        "if observation.load_s > self._limits.max_duration_s:",
        "if observation.load_s < 0:",
        "steps/load/test_brake.py",
    ),
    Fault(
        "brake: memory is never short",
        "if vitals.available_mb >= kept_free:",
        "if vitals.available_mb >= 0:",
        "steps/load/test_brake.py",
    ),
]
LOCK = [
    Fault("lock: a living lock counts as stale", "elif holder.expires <= _now():", "elif True:", "steps/test_lock.py"),
    Fault(
        "lock: replaced whoever changed it meanwhile",
        'headers={"If-Match": found.etag}',
        "headers={}",
        "steps/test_lock.py",
    ),
    Fault(
        "lock: another run's lock is given back",
        "if found is None or lock is None or lock.run != run:",
        "if found is None or lock is None:",
        "steps/test_lock.py",
    ),
    Fault(
        "lock: a step gives the pipeline's lock back",
        "        if nested:\n            # So",
        "        if False:\n            # So",
        "steps/test_lock.py",
    ),
    Fault(
        "lock: a step shortens the pipeline's lock",
        "max(lock.expires, _now() + claim.life)",
        "_now() + claim.life",
        "steps/test_lock.py",
    ),
    Fault("lock: broken without being asked", "elif claim.break_lock:", "elif True:", "steps/test_lock.py"),
]
COMMENT = [
    Fault(
        "comment: a fork's own job posts",
        'if event.from_fork and event.name == "pull_request":',
        "if False:",
        "steps/test_destination.py",
    ),
    Fault(
        "comment: what was measured is no longer there",
        "if pull.head_commit != commit:",
        "if False:",
        "commands/test_comment.py",
    ),
    Fault("comment: a closed pull request gets one", "if not pull.open:", "if False:", "commands/test_comment.py"),
    Fault(
        "comment: somebody else's comment is overwritten",
        "if one.author == author and one.body.startswith(first_line))",
        "if one.body.startswith(first_line))",
        "github/test_comments.py",
    ),
    Fault(
        "comment: an unchanged one is written again",
        "return Posting.UNCHANGED if _same(existing.body, text) else Posting.UPDATED",
        "return Posting.UPDATED",
        "github/test_comments.py",
    ),
    Fault(
        "comment: a dry run posts",
        "if self.dry_run or (posting is",
        "if (posting is",
        "commands/test_comment.py",
    ),
    Fault(
        "comment: an artifact may hold other files",
        "if [member.filename for member in members] != [name]:",
        "if name not in [member.filename for member in members]:",
        "hostile/test_artifacts.py",
    ),
    Fault(
        "comment: names of people in an artifact ping them",
        '_REFERENCE = re.compile(r"[@#]|',
        '_REFERENCE = re.compile(r"[#]|',
        "render/test_escaping.py",
    ),
]
RECORDINGS = [
    Fault(
        "recordings: an option has another default",
        'default="5h30m"',
        'default="6h"',
        "guard/test_recorded_options.py",
    ),
    Fault(
        "recordings: an option reads another variable",
        'envvar="CHAMIPERF_LOCK_RUN"',
        'envvar="CHAMIPERF_RUN"',
        "guard/test_recorded_options.py",
    ),
    Fault(
        "recordings: an invalid measurement ends as a usage error",
        "    INVALID = 3\n",
        "    INVALID = 2\n",
        "guard/test_recorded_exit_codes.py",
    ),
    Fault(
        "recordings: a row gets another verdict",
        "if measured.high >= theta:",
        "if measured.d >= theta:",
        "guard/test_recorded_verdicts.py",
    ),
]
FAULTS = [*VERDICT, *VALIDITY, *BRAKE, *LOCK, *COMMENT, *RECORDINGS]


def main(parts: list[str]) -> int:
    """Plant the faults whose name contains one of these parts; 1 unless all are red."""
    chosen = [fault for fault in FAULTS if not parts or any(part in fault.name for part in parts)]
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT, symlinks=True)
        # Hashes in place of times: a fault of the same length within the same second must not meet an old bytecode.
        compiling = ["-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "."]
        subprocess.run([sys.executable, *compiling], cwd=copy, check=True)
        tests = sorted({test for fault in chosen for test in fault.tests.split()})
        clean = _pytest(copy, tests)
        if clean.returncode:
            print(f"the tests are not green without a fault, so red would say nothing:\n{clean.stdout[-3000:]}")
            return 1
        print(f"{len(tests)} test files are green without a fault")
        bad = [fault.name for fault in chosen if not _is_red(copy, fault)]
    print(f"{len(chosen) - len(bad)} of {len(chosen)} planted faults are red")
    for name in bad:
        print(f"NOT RED: {name}")
    return 1 if bad or not chosen else 0


def _is_red(copy: Path, fault: Fault) -> bool:
    """Plant a fault, run its tests, take it out again, and print the row."""
    began = time.monotonic()
    said = _planted(copy, fault)
    print(f"{said:<10} {time.monotonic() - began:5.1f} s  {fault.name}", flush=True)
    return said == "red"


def package_texts(tree: Path = ROOT) -> dict[Path, str]:
    """The modules in which faults are planted, with their text."""
    files = [path for package in PACKAGES for path in sorted((tree / package).rglob("*.py"))]
    return {path: path.read_text(encoding="utf-8") for path in files}


def _planted(copy: Path, fault: Fault) -> str:
    texts = package_texts(copy)
    times = sum(text.count(fault.old) for text in texts.values())
    if times != 1:
        return f"{times} TEXTS" if times else "NO TEXT"
    path, text = next((path, text) for path, text in texts.items() if fault.old in text)
    path.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
    try:
        done = _pytest(copy, fault.tests.split())
    finally:
        path.write_text(text, encoding="utf-8")
    if done.returncode == _TESTS_FAILED:
        return "red"
    return "NOT RUN" if done.returncode else "GREEN"


def _pytest(copy: Path, tests: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    # The processes that tests start must find the copy too, and leave no bytecode of a fault behind.
    variables = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*command, *(f"tests/{test}" for test in tests)],
        cwd=copy,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
