"""A name that occurs twice in one object, as a careless merge leaves it: refused, with both places."""

import json

import pytest
from made_runs import made_run

from chamiperf_ci.adapters import bounds, console, files
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.adapters.http_client import Answer
from chamiperf_ci.errors import ConfigurationError, UnexpectedAnswer
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.drill import Drill
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import STATE_FILE
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.steps import history


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,\n"a": 2}', "'a' occurs twice in one object, on lines 1 and 2"),
        ('{"a": 1,\n"\\u0061": 1}', "'a' occurs twice in one object, on lines 1 and 2"),
        ('[{"b": {"x": {},\n\n"x": []}}]', "'x' occurs twice in one object, on lines 1 and 3"),
        ('{"a\\"": 1, "a\\"": {"c": ":{"}}', "'a\"' occurs twice in one object, on lines 1 and 1"),
        ('{"": 1, "b": "",\n"": 2}', "'' occurs twice in one object, on lines 1 and 2"),
    ],
)
def test_both_places_are_named(tmp_path, text, said):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        files.read_json(tmp_path / "x.json", remedy="")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text", ['{"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}', '{"a": "a", "b": ["a", "a"], "c": "\\"a\\": 1, \\"a\\": 2"}']
)
def test_the_same_name_elsewhere_is_no_doubled_one(text):
    assert bounds.parse_json(text) == json.loads(text)


@pytest.mark.parametrize("model", [Baselines, Run, Verdict, Seed, Drill])
def test_no_document_takes_the_last_of_two(tmp_path, model):
    (tmp_path / "x.json").write_text('{"kind": "x",\n"kind": "run"}')
    with pytest.raises(ConfigurationError, match="'kind' occurs twice in one object, on lines 1 and 2"):
        files.read_document(tmp_path / "x.json", model)


def test_an_event_is_no_exception(tmp_path):
    (tmp_path / "event.json").write_text('{"a": 1,\n"a": 2}')
    with pytest.raises(ConfigurationError, match="'a' occurs twice in one object, on lines 1 and 2"):
        console.read_event({"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(tmp_path / "event.json")})


def test_a_manifest_is_no_exception(tmp_path):
    (tmp_path / "m.json").write_text('{"smd": "1",\n"smd": "2"}')
    with pytest.raises(ConfigurationError, match="'smd' occurs twice in one object, on lines 1 and 2"):
        files.read_manifest(tmp_path / "m.json")


def test_an_entry_of_the_history_is_passed_over_and_named(tmp_path):
    store = FolderHistory(tmp_path)
    (name,) = history.add(store, [made_run(1)])
    path = tmp_path / name
    path.write_text(path.read_text().replace('"run_id"', '"run_id": "other",\n"run_id"', 1))
    reading = history.read(store, history.EntryFilter())
    assert reading.entries == ()
    assert "is skipped: 'run_id' occurs twice in one object, on lines" in reading.problems[0]
    assert not history.is_entry(path.read_bytes())
    with pytest.raises(ConfigurationError, match="twice"):
        history.require_whole(name, path.read_bytes())


def test_the_state_of_a_stack_is_no_exception(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAMIPERF_STATE_DIR", str(tmp_path))
    (tmp_path / STATE_FILE).write_text('{"version": 1,\n"version": 2}')
    with pytest.raises(ConfigurationError, match="'version' occurs twice in one object, on lines 1 and 2"):
        files.find_stack()


def test_an_answer_of_a_service_is_no_exception():
    twice = Answer("GET", "http://127.0.0.1", 200, {}, b'{"metadata": {"id": "a",\n"id": "b"}, "spec": {}}')
    with pytest.raises(UnexpectedAnswer):
        twice.resource()
