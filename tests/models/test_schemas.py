import json
from pathlib import Path

import jsonschema
import pytest
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.models.schemas import documents, exported
from chamiperf_ci.render.baselines import content
from chamiperf_ci.steps.history import entry_of, text_of

ROOT = Path(__file__).parent.parent.parent
TEXTS = exported()


def schema_of(kind):
    return json.loads(TEXTS[f"{kind}.schema.json"])


def test_the_exported_schemas_are_current():
    on_disk = {path.name: path.read_text() for path in (ROOT / "schemas").glob("*.json")}
    assert on_disk == TEXTS, "stale: python -m tools.write_schemas"


@pytest.mark.parametrize("model", documents(), ids=lambda model: model.KIND)
def test_every_schema_is_a_schema(model):
    jsonschema.Draft202012Validator.check_schema(schema_of(model.KIND))


def test_the_shipped_baselines_file_fits_its_schema():
    jsonschema.validate(json.loads((ROOT / "baselines.json").read_text()), schema_of("baselines"))


def test_the_shipped_baselines_file_names_its_schema_for_editors():
    named = json.loads((ROOT / "baselines.json").read_text())["$schema"]
    assert (ROOT / named).is_file()


def test_accepted_runs_fit_the_schema():
    jsonschema.validate(content(accepting(shipped_baselines(), [made_run(0)])), schema_of("baselines"))


def test_a_run_and_its_history_entry_fit_their_schemas():
    jsonschema.validate(json.loads(made_run(0).model_dump_json()), schema_of("run"))
    jsonschema.validate(json.loads(text_of(entry_of(made_run(0))[1])), schema_of("history"))


@pytest.mark.parametrize("change", [{"schema_version": 2}, {"kind": "run"}, {"tolerances": {}}])
def test_another_version_kind_or_field_does_not_fit(change):
    data = json.loads((ROOT / "baselines.json").read_text()) | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema_of("baselines"))


def test_the_fields_are_described_where_an_editor_shows_them():
    assert "fraction" in schema_of("baselines")["$defs"]["Rule"]["properties"]["tolerance"]["description"]
