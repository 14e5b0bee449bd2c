import json
import shutil
from pathlib import Path

import pytest
from command_line import command
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.adapters.files import write_document, write_text
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.render.baselines import layout
from chamiperf_ci.steps import history

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path):
    shutil.copy(ROOT / "baselines.json", tmp_path)
    return tmp_path


def baselines(folder, *arguments, **variables):
    return command("baselines", *arguments, cwd=folder, **variables)


def edited(folder, name, change):
    data = json.loads((folder / "baselines.json").read_text())
    change(data)
    (folder / name).write_text(json.dumps(data))


def test_the_shipped_file_passes_the_check(folder):
    result = baselines(folder, "check", "--base", "baselines.json")
    assert (result.returncode, result.stdout) == (
        0,
        "Nothing to object to: no gate is weakened, and every accepted run is as it was accepted.\n",
    )


def test_a_weakened_gate_is_a_warning_for_the_reviewer(folder):
    edited(folder, "looser.json", lambda data: data["rules"]["defaults"].update(tolerance=0.3))
    summary = folder / "summary.md"
    result = baselines(
        folder, "check", "--baselines", "looser.json", "--base", "baselines.json",
        GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary),
    )  # fmt: skip
    assert result.returncode == 0
    assert "::warning title=baselines.json%3A tolerance loosened::" in result.stdout + result.stderr
    assert "baselines.json: 1 gate is weakened; is that meant?" in result.stderr
    assert "| weaker | tolerance loosened |" in summary.read_text()


def test_in_a_workflow_the_findings_are_outputs(folder):
    edited(folder, "looser.json", lambda data: data["rules"]["defaults"].update(tolerance=0.3))
    outputs = folder / "outputs"
    baselines(
        folder, "check", "--baselines", "looser.json", "--base", "baselines.json",
        GITHUB_ACTIONS="true", GITHUB_OUTPUT=str(outputs),
    )  # fmt: skip
    values = [line for line in outputs.read_text().splitlines() if line.isdigit()]
    assert values == ["0", "1", "0"]


def test_a_hand_edited_accepted_run_fails_the_check(folder):
    write_text(folder / "baselines.json", layout(accepting(shipped_baselines(), [made_run(0)])))

    def edit(data):
        [entry] = data["accepted_runs"].values()
        entry["figures"][2]["values"][0] = 99

    edited(folder, "edited.json", edit)
    result = baselines(folder, "check", "--baselines", "edited.json")
    assert result.returncode == 1
    assert "accepted run boot0000" in result.stdout


def test_a_metric_that_lost_its_gate_fails_the_check(folder):
    write_text(folder / "baselines.json", layout(accepting(shipped_baselines(), [made_run(0)])))
    write_document(folder / "runs" / "boot_storm.json", made_run(1, endpoints=("bootscript", "nonsense")))
    result = baselines(folder, "check", "--runs", "runs")
    assert result.returncode == 1
    assert "boot_storm / nonsense p99" in result.stdout


def test_a_first_file_is_written_for_a_person_to_merge(folder):
    (folder / "baselines.json").unlink()
    for number in range(3):
        write_document(folder / f"night-{number}" / "boot_storm.json", made_run(number, factor=9.5))
    runs = [argument for number in range(3) for argument in ("--runs", f"night-{number}")]
    result = baselines(folder, "init", *runs, "--link", "https://example.org/1", "--who", "ada")
    assert result.returncode == 0, result.stderr
    assert "boot_storm / bootscript p99: missed from the first night" in result.stderr
    begun = Baselines.model_validate_json((folder / "baselines.json").read_text())
    assert {one.metric for one in begun.acknowledgements} == {"p50", "p95", "p99"}
    assert (folder / begun.schema_uri).is_file()
    assert (
        "Written to baselines.json, and what editors check it by to schemas/baselines.schema.json. Read it"
        in result.stderr
    )
    assert baselines(folder, "check").returncode == 0
    assert "too few" not in result.stderr


def test_a_first_file_of_one_night_is_written_and_called_thin(folder):
    (folder / "baselines.json").unlink()
    write_document(folder / "runs" / "boot_storm.json", made_run(0))
    result = baselines(folder, "init", "--runs", "runs", "--link", "https://example.org/1")
    assert result.returncode == 0, result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert line.startswith("warning: too few to find most slow-downs: boot_storm (1 run); a baseline is 5 runs")


def test_a_first_file_is_written_from_a_range_of_the_history(folder):
    (folder / "baselines.json").unlink()
    history.add(FolderHistory(folder / "nights"), [made_run(number) for number in range(8)])
    result = baselines(
        folder, "init", "--history", "nights", "--until", "2026-03-08", "--link", "https://example.org/1"
    )
    assert result.returncode == 0, result.stderr
    begun = Baselines.model_validate_json((folder / "baselines.json").read_text())
    [entry] = begun.accepted_runs.values()
    assert [run.run_id for run in entry.runs] == [f"boot000{number}" for number in range(1, 6)]
    assert baselines(folder, "check").returncode == 0


def test_a_first_file_needs_runs_or_a_history(folder):
    result = baselines(folder, "init", "--link", "https://example.org/1")
    assert (result.returncode, "name run files or a range of the history" in result.stderr) == (2, True)


def test_another_layout_is_noted_and_written_anew(folder):
    before = (folder / "baselines.json").read_text()
    edited(folder, "baselines.json", lambda _: None)
    assert "another layout" in baselines(folder, "check").stdout
    assert baselines(folder, "format").returncode == 0
    assert (folder / "baselines.json").read_text() == before


def test_chamicores_targets_are_imported(folder):
    theirs = folder / "theirs.json"
    theirs.write_text(json.dumps({"boot_storm": {"http_req_duration_p99_ms": 150}, "quick_mode": {"vus": 1000}}))
    result = baselines(folder, "import", "--from", "theirs.json")
    assert result.returncode == 0
    assert result.stdout.startswith("boot_storm / bootscript p99: at most 150 ms\n")
    assert "target weakened" in result.stdout
    assert '"limit": 150' in (folder / "baselines.json").read_text()
