from datetime import timedelta

import pytest
from made_drill_documents import made_drill
from made_runs import made_fingerprint

from chamiperf_ci.adapters import history as kept
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.steps import history

DRILL = made_drill(fingerprint=made_fingerprint())


@pytest.fixture
def store(tmp_path):
    return FolderHistory(tmp_path)


def test_a_drill_is_kept_once_beside_the_runs(store):
    assert kept.keep_drill(store, DRILL) == ("lab/drills/20261124T000000Z.boot_storm.demo.json",)
    assert kept.keep_drill(store, DRILL) == ()


def test_the_newest_of_each_scenario_and_profile_is_read(store):
    newer = DRILL.model_copy(update={"started_at": DRILL.started_at + timedelta(days=1)})
    other = DRILL.model_copy(update={"profile": "full"})
    for drill in (newer, DRILL, other):
        kept.keep_drill(store, drill)
    assert list(kept.newest_drills(store.root, "lab").drills) == [other, newer]


def test_an_environment_without_drills_has_none(store):
    assert kept.newest_drills(store.root, "lab") == kept.KeptDrills()


def test_a_kept_drill_is_no_run_of_the_history(store):
    kept.keep_drill(store, DRILL)
    assert history.read(store) == history.Reading()


def test_a_drill_without_a_valid_run_is_refused(store):
    with pytest.raises(ConfigurationError, match="no valid run"):
        kept.keep_drill(store, DRILL.model_copy(update={"fingerprint": None}))


def test_a_damaged_drill_is_passed_over_and_named(store):
    [name] = kept.keep_drill(store, DRILL)
    (store.root / name).write_text("{")
    found = kept.newest_drills(store.root, "lab")
    assert (found.drills, found.problems[0].startswith(f"{name} is skipped: not valid JSON")) == ((), True)
