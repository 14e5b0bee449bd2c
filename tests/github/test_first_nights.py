"""What a newcomer reads on a night without a baseline: the cause and the cure, word by word."""

from pathlib import Path

import golden
import pytest
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.cli import run
from chamiperf_ci.commands.compare import compare
from chamiperf_ci.commands.report import report
from chamiperf_ci.steps import history

GOLDEN = Path(__file__).with_name("golden_first_nights")
NIGHTS = {"first-night": 0, "five-nights-and-none-accepted": 5, "after-the-learning-nights": 30}
CHANGED = {
    "changed-circumstances": 5,
    "changed-circumstances-after-five-nights": 9,
    "changed-circumstances-after-the-learning-nights": 21,
}


def ended(command, *arguments):
    """The exit code."""
    with pytest.raises(SystemExit) as stopped:
        run(command, arguments)
    return stopped.value.code


@pytest.mark.parametrize("name", NIGHTS)
def test_a_night_without_a_baseline_says_the_cause_and_the_cure(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    nights = NIGHTS[name]
    write_document(tmp_path / "baselines.json", shipped_baselines())
    check(name, [made_run(number) for number in range(nights + 1)], tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("name", CHANGED)
def test_a_night_made_otherwise_than_the_baseline_says_the_cause_and_the_cure(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    accepted = [made_run(number) for number in range(5)]
    fewer = {"parameters": {"vus": 150, "pace_s": 1.0}}
    write_document(tmp_path / "baselines.json", accepting(shipped_baselines(), accepted))
    changed = [made_run(number, fingerprint=fewer) for number in range(5, CHANGED[name] + 1)]
    check(name, [*accepted, *changed], tmp_path, monkeypatch, capsys)


def check(name, runs, tmp_path, monkeypatch, capsys):
    """Compare and report the last night, the others before it, with its golden file."""
    write_document(tmp_path / "out" / "runs" / "boot_storm.json", runs[-1])
    for made in runs[:-1]:
        history.add(FolderHistory(tmp_path / "nights"), [made], None, link="")
    code = ended(compare, "--all", "--history", "nights")
    sentence = capsys.readouterr().out.rpartition("\n\n")[2]
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    ended(report, "--all")
    summary = (tmp_path / "summary").read_text()
    head = summary.partition("\n|")[0].partition("\n- ")[0].rstrip()
    golden.check(GOLDEN / f"{name}.txt", f"exit code {code}\n--- compare ends with\n{sentence}--- summary\n{head}\n")
