"""What `compare` concludes on kept documents: exit code, and each row's verdict and reason, as they were recorded.

The documents are those of `tests/golden` and the cases of `tests/cases/verdict`. A rule that changes on purpose changes
the recording: `UPDATE_GOLDEN=1` writes it anew, one line a row, and the diff is read like code.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import golden
import pytest

from chamiperf_ci.__main__ import main

TESTS = Path(__file__).resolve().parents[1]
RECORDED = Path(__file__).parent / "golden" / "verdicts"
CASES = {path.name: path for path in sorted((TESTS / "cases" / "verdict").iterdir())}


def test_every_case_is_recorded_and_nothing_else():
    assert {path.stem for path in RECORDED.glob("*.txt")} == {"golden-v1", "golden-v1-history", *CASES}


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_judged_as_it_was(case, tmp_path, capsys):
    folder = CASES[case]
    history = ["--history", folder / "history"] if (folder / "history").is_dir() else []
    arguments = ["--runs", folder / "runs", "--baselines", folder / "baselines.json", *history]
    golden.check(RECORDED / f"{case}.txt", judged(arguments, tmp_path, capsys))


@pytest.mark.parametrize("with_history", [False, True])
def test_the_golden_documents_are_judged_as_they_were(with_history, tmp_path, capsys):
    documents = TESTS / "golden" / "v1"
    arguments = ["--runs", documents / "run.json", "--baselines", documents / "baselines.json"]
    if with_history:
        entry = json.loads((documents / "history.json").read_text(encoding="utf-8"))
        kept = tmp_path / "history" / entry["fingerprint"]["environment"] / "2026" / "01"
        kept.mkdir(parents=True)
        shutil.copy(documents / "history.json", kept / "20260101T000000Z.boot_storm.night.kept.json")
        arguments += ["--history", tmp_path / "history"]
    name = "golden-v1-history" if with_history else "golden-v1"
    golden.check(RECORDED / f"{name}.txt", judged(arguments, tmp_path, capsys))


def judged(arguments, folder, capsys) -> str:
    """Run `compare`; what it concluded, a line a fact."""
    out = folder / "out"
    with pytest.raises(SystemExit) as ended:
        main(["compare", *map(str, arguments), "--out", str(out)])
    capsys.readouterr()
    written = out / "verdict.json"
    verdict = json.loads(written.read_text(encoding="utf-8")) if written.exists() else None
    return "\n".join([f"exit code: {ended.value.code}", *(_said(verdict) if verdict else ["no verdict"]), ""])


def _said(verdict: dict) -> Iterator[str]:
    yield f"word: {verdict['outcome']['word']}"
    for scenario in verdict["scenarios"]:
        reasons = ", ".join([*scenario["reasons"], *scenario["repeat_reasons"]])
        yield f"scenario {scenario['scenario']}: {'valid' if scenario['valid'] else 'not valid'} {reasons}".rstrip()
    yield from sorted(map(_row, verdict["rows"]))


def _row(row: dict) -> str:
    key, target = row["key"], row["target"]
    name = " / ".join(filter(None, (key["scenario"], key["endpoint"], key["metric"], key["phase"])))
    marks = [mark for mark in ("suspect", "compared", "by_pairs", "above_tolerance_unconfirmed") if row[mark]]
    judged_target = f"target {target['verdict']} {target['reason'] or ''}".rstrip()
    return f"{name}: {row['verdict']}, {row['reason']}; {judged_target}; {', '.join(marks)}".rstrip("; ")
