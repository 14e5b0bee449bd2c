"""One file of each kind and version is kept for good: what was written once must still be read."""

import json
from pathlib import Path

import pytest
from exported_schemas import misfit

from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.drill import Drill
from chamiperf_ci.models.history import HistoryEntry
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.schemas import documents
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.steps.compare.judge import NightInput, judge

V1 = Path(__file__).parent / "golden" / "v1"
V2 = V1.parent / "v2"
MODELS = {model.KIND: model for model in documents()}


def test_every_kind_of_document_has_a_golden_file_of_version_1():
    assert {path.stem for path in V1.glob("*.json")} == set(MODELS)


@pytest.mark.parametrize("kind", MODELS)
def test_a_file_of_version_1_is_still_read(kind):
    document = files.read_document(V1 / f"{kind}.json", MODELS[kind])
    assert document.schema_version == MODELS[kind].SCHEMA_VERSION


def test_a_verdict_of_version_1_keeps_its_facts_and_loses_its_sentences():
    said = json.loads((V1 / "verdict.json").read_text())
    verdict = files.read_document(V1 / "verdict.json", Verdict)
    assert [row.current for row in verdict.rows] == [row["current"] for row in said["rows"]]
    kept = verdict.model_dump_json()
    assert not [row["sentence"] for row in said["rows"] if row["sentence"] in kept]


def test_a_drill_of_version_1_loses_its_sentence():
    said = json.loads((V1 / "drill.json").read_text())["sentence"]
    assert said not in files.read_document(V1 / "drill.json", Drill).model_dump_json()


def test_a_verdict_of_version_2_is_still_read_and_fits_the_exported_schema():
    verdict = files.read_document(V2 / "verdict.json", Verdict)
    assert (verdict.schema_version, verdict.outcome.word) == (2, "regression")
    assert misfit(json.loads((V2 / "verdict.json").read_text()), "verdict") is None


@pytest.mark.parametrize("kind", [kind for kind, model in MODELS.items() if model.SCHEMA_VERSION == 1])
def test_a_file_of_version_1_fits_the_exported_schema(kind):
    data = json.loads((V1 / f"{kind}.json").read_text())
    assert misfit(data, kind) is None


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("version", ["newer", 0, None, "1"])
def test_another_version_is_refused_and_names_the_one_that_wrote_it(kind, version, tmp_path):
    given = MODELS[kind].SCHEMA_VERSION + 1 if version == "newer" else version
    data = json.loads((V1 / f"{kind}.json").read_text()) | {"schema_version": given, "producer": "chamiperf 9.9.9"}
    (tmp_path / "newer.json").write_text(json.dumps(data))
    wanted = "Install the version that wrote it: chamiperf 9.9.9" if version == "newer" else "is not known"
    with pytest.raises(ConfigurationError, match=wanted):
        files.read_document(tmp_path / "newer.json", MODELS[kind])


def test_accepted_runs_of_version_1_still_have_their_digests():
    assert files.read_document(V1 / "baselines.json", Baselines).edited_by_hand() == ()


def test_a_run_of_version_1_still_finds_its_baseline_of_version_1():
    run, baselines = files.read_document(V1 / "run.json", Run), files.read_document(V1 / "baselines.json", Baselines)
    assert baselines.accepted(run.fingerprint) is not None
    assert judge(NightInput(runs=[run], baselines=baselines)).verdict.outcome.word == "pass"


def test_a_history_entry_of_version_1_names_the_same_run():
    entry = files.read_document(V1 / "history.json", HistoryEntry)
    assert entry.run_id == files.read_document(V1 / "run.json", Run).run_id
