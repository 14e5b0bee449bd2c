"""Pull requests: looked up without believing a run, opened without ever touching the default branch."""

import pytest

from chamiperf_ci.adapters.github import pull_requests
from chamiperf_ci.adapters.github.api import NotPermitted, Rejected
from chamiperf_ci.adapters.github.comments import pull_requests_from, read_pull_request
from chamiperf_ci.adapters.github.pull_requests import ProposedChange
from chamiperf_ci.errors import ConfigurationError

REPOSITORY = "octo/stack"
PROPOSAL = ProposedChange(
    branch="chamiperf/baselines",
    title="Accept five runs",
    body="Because.",
    message="Accept five runs",
    files={"baselines.json": "{}\n"},
)


def propose(api, proposal, *, base=""):
    """Open or update its pull request."""
    made = pull_requests.open_or_update_pull_request(
        api, REPOSITORY, lambda _: proposal, base=base, branch=proposal.branch
    )
    return made[0]


def test_a_pull_request_is_read_with_its_head(api, hub):
    hub.add_pull(7, head_repository="fork/stack", branch="topic", commit="a" * 40)
    pull = read_pull_request(api, REPOSITORY, 7)
    assert (pull.head_repository, pull.head_branch, pull.head_commit, pull.open) == (
        "fork/stack",
        "topic",
        "a" * 40,
        True,
    )


def test_only_the_pull_requests_of_that_fork_and_branch_are_found(api, hub):
    hub.add_pull(1, head_repository="fork/stack", branch="topic")
    hub.add_pull(2, head_repository="fork/stack-two", branch="topic")
    hub.add_pull(3, head_repository="fork/stack", branch="other")
    hub.add_pull(4, head_repository="fork/stack", branch="topic", state="closed")
    found = pull_requests_from(api, REPOSITORY, head_repository="fork/stack", branch="topic")
    assert [pull.number for pull in found] == [1]


def test_a_change_becomes_a_commit_on_a_branch_of_its_own_and_a_pull_request(api, hub):
    before = dict(hub.refs)
    pull = propose(api, PROPOSAL)
    assert pull.head_branch == "chamiperf/baselines"
    assert hub.refs["main"] == before["main"]
    assert hub.writes == [
        "POST /repos/octo/stack/git/trees",
        "POST /repos/octo/stack/git/commits",
        "POST /repos/octo/stack/git/refs",
        "POST /repos/octo/stack/pulls",
    ]


def test_the_commit_holds_the_file_as_given(api, hub):
    propose(api, PROPOSAL)
    (tree,) = hub.trees.values()
    assert tree["tree"] == [{"path": "baselines.json", "mode": "100644", "type": "blob", "content": "{}\n"}]


def test_a_second_proposal_updates_the_open_pull_request(api, hub):
    propose(api, PROPOSAL)
    later = ProposedChange(**{**vars(PROPOSAL), "title": "Accept six runs", "files": {"baselines.json": "[]\n"}})
    propose(api, later)
    assert [pull["title"] for pull in hub.pulls] == ["Accept six runs"]


def test_a_branch_that_ends_in_somebody_elses_commit_is_left_alone(api, hub):
    hub.commits["d" * 40] = {"message": "By hand", "tree": "e" * 40, "parents": []}
    hub.refs["chamiperf/baselines"] = "d" * 40
    with pytest.raises(ConfigurationError, match="ends in a commit of somebody else, dddddddddddd"):
        propose(api, PROPOSAL)
    assert hub.writes == []


def test_nothing_is_pushed_to_the_default_branch(api, hub):
    proposal = ProposedChange(**{**vars(PROPOSAL), "branch": "main"})
    with pytest.raises(ConfigurationError, match="nothing is pushed to that"):
        propose(api, proposal)
    assert hub.writes == []


def test_a_base_that_does_not_exist_is_named(api):
    with pytest.raises(ConfigurationError, match=r"there is no such branch \(--base develop\)"):
        propose(api, PROPOSAL, base="develop")


@pytest.mark.parametrize("path", ["/git/refs$", "/pulls$", "/git/trees$", "/git/commits$"])
def test_a_pull_request_is_opened_once_although_an_answer_is_lost(api, hub, path):
    hub.fail("POST", path, 0, done=True)
    propose(api, PROPOSAL)
    assert len(hub.pulls) == 1


def test_a_repository_that_forbids_it_names_the_setting(api, hub):
    hub.fail("POST", "/pulls$", 403, "GitHub Actions is not permitted to create or approve pull requests.")
    with pytest.raises(NotPermitted, match="Tick `Allow GitHub Actions to create and approve pull requests`"):
        propose(api, PROPOSAL)


def test_a_proposal_that_changes_nothing_says_so(api, hub):
    hub.fail("POST", "/pulls$", 422, "No commits between main and chamiperf/baselines")
    with pytest.raises(ConfigurationError, match="there is nothing to propose"):
        propose(api, PROPOSAL)


def test_a_merge_in_between_is_not_undone(api, hub):
    read = []

    def make(onto):
        read.append(onto.commit)
        if len(read) == 1:
            hub.merge({"other.txt": "merged meanwhile"})
        return PROPOSAL

    pull_requests.open_or_update_pull_request(api, REPOSITORY, make, base="", branch=PROPOSAL.branch)
    assert read == [*hub.past, hub.refs["main"]]
    tip = hub.commits[hub.refs[PROPOSAL.branch]]
    assert tip["parents"] == [hub.refs["main"]]
    assert hub.trees[tip["tree"]]["base_tree"] == hub.commits[hub.refs["main"]]["tree"]


def test_a_branch_that_never_stands_still_changes_nothing(api, hub):
    def make(_):
        hub.merge({"other.txt": str(len(hub.past))})
        return PROPOSAL

    with pytest.raises(Rejected, match="the branch main moved on 3 times"):
        pull_requests.open_or_update_pull_request(api, REPOSITORY, make, base="", branch=PROPOSAL.branch)
    assert (PROPOSAL.branch in hub.refs, hub.pulls) == (False, [])


def push(hub, message):
    """A reviewer commits to the proposal's branch, whose tip is then returned."""
    sha = "d" * 40
    hub.commits[sha] = {"message": message, "tree": "e" * 40, "parents": [hub.refs[PROPOSAL.branch]]}
    hub.refs[PROPOSAL.branch] = sha
    return sha


def test_a_reviewers_commit_that_arrives_meanwhile_is_left_alone(api, hub):
    propose(api, PROPOSAL)
    hub.meanwhile("POST", "/git/commits$", lambda: push(hub, "By a reviewer"))
    with pytest.raises(Rejected, match="somebody has pushed to the branch"):
        propose(api, PROPOSAL)
    assert hub.refs[PROPOSAL.branch] == "d" * 40


@pytest.mark.parametrize("ending", ["", "\n", "\n\nSigned-off-by: a reviewer"])
def test_a_commit_of_ours_that_a_reviewer_amended_is_left_alone(api, hub, ending):
    propose(api, PROPOSAL)
    sha = push(hub, hub.commits[hub.refs[PROPOSAL.branch]]["message"] + ending)
    with pytest.raises(ConfigurationError, match="ends in a commit of somebody else"):
        propose(api, PROPOSAL)
    assert hub.refs[PROPOSAL.branch] == sha


def test_a_branch_is_only_ever_moved_forward(api, hub):
    propose(api, PROPOSAL)
    first = hub.refs[PROPOSAL.branch]
    hub.merge({"other.txt": "x"})
    propose(api, PROPOSAL)
    tip = hub.commits[hub.refs[PROPOSAL.branch]]
    assert tip["parents"] == [first, hub.refs["main"]]


def test_a_forks_pull_request_from_a_branch_of_the_same_name_is_not_ours(api, hub):
    hub.add_pull(1, head_repository="mallory/stack", branch=PROPOSAL.branch)
    assert pull_requests.newest_from_branch(api, REPOSITORY, PROPOSAL.branch) is None
