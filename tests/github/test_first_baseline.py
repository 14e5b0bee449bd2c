"""The first baseline comes by itself, once, and only as something to review."""

from datetime import UTC, datetime

import pytest
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.adapters.files import parse_document, write_document
from chamiperf_ci.adapters.github.api import NotPermitted
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.steps import history
from chamiperf_ci.steps.baselines.candidates import Sources
from chamiperf_ci.steps.baselines.first import propose_first
from chamiperf_ci.steps.baselines.update import Destination

TODAY = datetime(2026, 9, 1, tzinfo=UTC).date()
LINK = "https://github.test/octo/stack/actions/runs/1"
DESTINATION = Destination("octo/stack", "", "", "baselines.json", LINK)


@pytest.fixture
def environment():
    """The environment of the made runs."""
    return made_run().fingerprint.environment


@pytest.fixture
def proposed(api, tmp_path, environment):
    """Keeps nights and asks for the first baseline."""

    def ask(*runs):
        store = FolderHistory(tmp_path / "nights")
        for run in runs:
            history.add(store, [run], None, link="")
        sources = Sources((), store, history.EntryFilter(environment=environment))
        return propose_first(sources, tmp_path / "baselines.json", DESTINATION, api, who="night", today=TODAY)

    return ask


def files_of(hub):
    """The files of the last commit that was stored."""
    (tree,) = [asked.body for asked in hub.log if asked.verb == "POST" and asked.path.endswith("/git/trees")][-1:]
    return {entry["path"]: entry["content"] for entry in tree["tree"]}


@pytest.mark.parametrize(
    ("nights", "said"), [(0, "0 valid nights of the 5"), (1, "1 valid night of the 5"), (4, "4 valid")]
)
def test_until_the_fifth_night_it_says_how_many_are_there(proposed, hub, nights, said):
    done = proposed(*(made_run(number) for number in range(nights)))
    assert said in done.sentence
    assert "After the last, a pull request with the first baseline opens automatically." in done.sentence
    assert (done.opened, hub.writes) == (None, [])


def test_after_the_fifth_a_pull_request_comes_with_a_whole_file(proposed, hub, environment):
    done = proposed(*(made_run(number) for number in range(5)))
    (pull,) = hub.pulls
    assert done.opened.number == pull["number"]
    assert pull["title"] == f"Begin the baseline with 5 accepted runs of {environment}"
    written = files_of(hub)
    assert set(written) == {"baselines.json", "schemas/baselines.schema.json"}
    baselines = parse_document(written["baselines.json"], Baselines, where="", remedy="")
    assert baselines.knows(environment)
    assert hub.refs["main"] != pull["commit"]


@pytest.mark.parametrize("state", ["open", "closed"])
def test_it_comes_once_whatever_a_person_made_of_it(proposed, hub, state):
    proposed(*(made_run(number) for number in range(5)))
    hub.pulls[0]["state"] = state
    before = list(hub.writes)
    done = proposed(made_run(5))
    assert hub.writes == before
    assert ("is open" if state == "open" else "was closed") in done.sentence


def test_a_night_that_was_not_valid_does_not_count(proposed, hub):
    invalid = [made_run(4, complete=False, problems=())]
    done = proposed(*(made_run(number) for number in range(4)), *invalid)
    assert "4 valid nights of the 5" in done.sentence
    assert hub.pulls == []


def test_two_runs_of_one_day_are_one_night(proposed):
    again = made_run(3).model_copy(update={"run_id": "again"})
    done = proposed(*(made_run(number) for number in range(4)), again)
    assert "4 valid nights of the 5" in done.sentence


def test_a_scenario_with_fewer_nights_waits_for_its_own(proposed, hub, environment):
    late = [made_run(number, scenario="cloud_init_storm", endpoints=("payload",)) for number in range(2)]
    proposed(*(made_run(number) for number in range(5)), *late)
    baselines = parse_document(files_of(hub)["baselines.json"], Baselines, where="", remedy="")
    assert {one.fingerprint.scenario for one in baselines.accepted_runs.values()} == {"boot_storm"}
    assert environment


def test_with_a_baseline_there_is_nothing_to_propose(proposed, hub, tmp_path):
    runs = [made_run(number) for number in range(5)]
    write_document(tmp_path / "baselines.json", accepting(shipped_baselines(), runs))
    assert "has a baseline: nothing is to be proposed" in proposed(*runs).sentence
    assert hub.log == []


def test_a_repository_that_lets_no_workflow_open_pull_requests_is_told_the_setting(proposed, hub):
    message = "GitHub Actions is not permitted to create or approve pull requests."
    hub.fail("POST", "/pulls", 403, message, times=1)
    with pytest.raises(NotPermitted, match="Allow GitHub Actions to create and approve pull requests"):
        proposed(*(made_run(number) for number in range(5)))
    # The branch is there, and no pull request: the next night tries again.
    assert proposed(made_run(5)).opened
