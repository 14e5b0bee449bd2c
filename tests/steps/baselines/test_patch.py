import jsonpatch
import pytest
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.render.baselines import content, layout
from chamiperf_ci.steps.baselines.propose import apply_patch, patch_between, sealed

EMPTY = shipped_baselines()
ONE = accepting(EMPTY, [made_run(0)])
TWO = accepting(ONE, [made_run(1)])
OTHER = accepting(EMPTY, [made_run(2)], act="replace")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(EMPTY, ONE, id="first run"),
        pytest.param(ONE, TWO, id="one more"),
        pytest.param(TWO, OTHER, id="replaced"),
        pytest.param(TWO, EMPTY, id="removed"),
    ],
)
def test_a_patch_leads_from_the_old_file_to_the_new_one(old, new):
    assert layout(apply_patch(old, patch_between(old, new), where="p.json")) == layout(new)


def test_equal_files_have_no_patch():
    assert patch_between(TWO, TWO) == []


def test_a_patch_begins_by_testing_what_it_was_made_against():
    assert patch_between(ONE, TWO)[0] == {"op": "test", "path": "/accepted_digest", "value": ONE.accepted_digest}


def test_one_more_run_is_one_addition_and_its_figures():
    operations = patch_between(ONE, TWO)
    assert [operation["op"] for operation in operations] == ["test", "add", "replace", "replace"]
    assert operations[1]["path"].endswith("/runs/1")
    assert operations[2]["path"].endswith("/figures")


def test_a_stale_patch_is_refused():
    with pytest.raises(ConfigurationError, match="made against another state"):
        apply_patch(TWO, patch_between(ONE, accepting(ONE, [made_run(3)])), where="p.json")


def test_a_stale_patch_is_refused_by_any_tool_that_knows_the_rfc():
    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch(content(TWO), patch_between(ONE, accepting(ONE, [made_run(3)])))


def test_a_patch_applied_twice_is_refused():
    patch = patch_between(EMPTY, ONE)
    with pytest.raises(ConfigurationError, match="made against another state"):
        apply_patch(apply_patch(EMPTY, patch, where="p.json"), patch, where="p.json")


def test_a_patch_edited_by_hand_is_refused():
    patch = patch_between(EMPTY, ONE)
    patch[1]["value"]["figures"][1]["values"][0] = 1.0
    with pytest.raises(ConfigurationError, match=r"accepted run boot0000 .* was edited by hand"):
        apply_patch(EMPTY, patch, where="p.json")


def test_a_patch_survives_a_change_of_the_rules():
    looser = EMPTY.model_copy(update={"rules": EMPTY.rules.model_copy(update={"scenarios": {}})})
    assert apply_patch(looser, patch_between(EMPTY, ONE), where="p.json").accepted_runs == ONE.accepted_runs


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param({"op": "add"}, id="no path"),
        pytest.param({"op": "remove", "path": "/nowhere/at/all"}, id="no such place"),
        pytest.param({"op": "conjure", "path": "/kind"}, id="no such operation"),
        pytest.param({"op": "replace", "path": "/kind", "value": "run"}, id="another kind"),
        pytest.param({"op": "add", "path": "no-slash", "value": 1}, id="no pointer"),
    ],
)
def test_a_patch_that_makes_no_sense_is_refused(operation):
    with pytest.raises(ConfigurationError):
        apply_patch(EMPTY, [operation], where="p.json")


def test_edited_by_hand_names_the_run():
    data = TWO.model_dump(mode="json", by_alias=True)
    [entry] = data["accepted_runs"].values()
    entry["runs"][1]["rows"][3]["value"] = 25.0
    [found] = Baselines.model_validate(data).edited_by_hand()
    assert found.startswith("accepted run boot0001 of lab:boot_storm:full:")


@pytest.mark.parametrize("field", ["who", "why", "accepted_on", "run_id"])
def test_every_field_of_an_accepted_run_is_under_its_digest(field):
    data = ONE.model_dump(mode="json", by_alias=True)
    [entry] = data["accepted_runs"].values()
    entry["runs"][0][field] = "2026-01-01"
    assert Baselines.model_validate(data).edited_by_hand()


def test_a_run_taken_out_by_hand_is_noticed():
    data = TWO.model_dump(mode="json", by_alias=True)
    [entry] = data["accepted_runs"].values()
    del entry["runs"][0]
    assert Baselines.model_validate(data).edited_by_hand() == (
        "accepted runs were added or removed by hand: accepted_digest does not match them",
    )


def test_an_edited_fingerprint_is_noticed():
    data = ONE.model_dump(mode="json", by_alias=True)
    [entry] = data["accepted_runs"].values()
    entry["fingerprint"]["machine_class"] = "64c-512GiB"
    assert "fingerprint of lab:boot_storm:full:" in Baselines.model_validate(data).edited_by_hand()[0]


def test_a_file_changed_by_the_tool_alone_is_clean():
    assert [sealed(baselines).edited_by_hand() for baselines in (EMPTY, ONE, TWO, OTHER)] == [()] * 4
