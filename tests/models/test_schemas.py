import json
from pathlib import Path

import pytest
from exported_schemas import misfit, schema_of, texts
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.models.schemas import documents
from chamiperf_ci.render.baselines import content
from chamiperf_ci.steps.history import entry_of, text_of

ROOT = Path(__file__).parent.parent.parent


def test_the_exported_schemas_are_current():
    on_disk = {path.name: path.read_text() for path in (ROOT / "schemas").glob("*.json")}
    assert on_disk == texts(), "stale: python -m tools.write_schemas"


@pytest.mark.parametrize("kind", [model.KIND for model in documents()])
def test_every_schema_is_a_schema(kind):
    # What is checked first; nothing fits an empty document.
    assert misfit({}, kind)


def test_the_shipped_baselines_file_fits_its_schema():
    assert misfit(json.loads((ROOT / "baselines.json").read_text()), "baselines") is None


def test_the_shipped_baselines_file_names_its_schema_for_editors():
    named = json.loads((ROOT / "baselines.json").read_text())["$schema"]
    assert (ROOT / named).is_file()


def test_accepted_runs_fit_the_schema():
    assert misfit(content(accepting(shipped_baselines(), [made_run(0)])), "baselines") is None


def test_a_run_and_its_history_entry_fit_their_schemas():
    assert misfit(json.loads(made_run(0).model_dump_json()), "run") is None
    assert misfit(json.loads(text_of(entry_of(made_run(0))[1])), "history") is None


@pytest.mark.parametrize("change", [{"schema_version": 2}, {"kind": "run"}, {"tolerances": {}}])
def test_another_version_kind_or_field_does_not_fit(change):
    data = json.loads((ROOT / "baselines.json").read_text()) | change
    assert misfit(data, "baselines")


def test_the_fields_are_described_where_an_editor_shows_them():
    assert "fraction" in schema_of("baselines")["$defs"]["Rule"]["properties"]["tolerance"]["description"]
