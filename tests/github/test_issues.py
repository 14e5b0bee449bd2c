"""Issues: found by their author, opened once, closed with a reason."""

import pytest
from github_standin import ROBOT

from chamiperf_ci.adapters.github import issues
from chamiperf_ci.adapters.github.api import NotPermitted

REPOSITORY = "octo/stack"
MARKER = "<!-- chamiperf-ci alert: staging boot_storm -->"


def open_one(api):
    """Open an alert."""
    return issues.create(
        api, REPOSITORY, title="Slower", body=f"{MARKER}\nrows", labels=["chamiperf"], marker=MARKER, author=ROBOT
    )


def found(api, state):
    """The numbers of the alerts in a state."""
    return [issue.number for issue in issues.find(api, REPOSITORY, author=ROBOT, state=state)]


def test_an_issue_is_found_by_its_author_whatever_its_labels(api, hub):
    mine = open_one(api)
    hub.issues.append({**hub.issues[0], "number": 999, "author": "mallory"})
    hub.issues.append({**hub.issues[0], "number": 998, "labels": []})
    assert found(api, "open") == [998, mine.number]


def test_an_issue_is_updated_in_place(api, hub):
    issues.update(api, REPOSITORY, open_one(api).number, title="Slower still", body=f"{MARKER}\nmore rows")
    assert [issue["title"] for issue in hub.issues] == ["Slower still"]


def test_an_issue_is_closed_with_the_reason_as_a_comment(api, hub):
    closed = issues.close(api, REPOSITORY, open_one(api).number, comment="Clean for three nights.")
    assert closed.state == "closed"
    assert [comment["body"] for comment in hub.comments] == ["Clean for three nights."]
    assert found(api, "open") == []
    assert found(api, "closed") == [closed.number]


def test_an_issue_is_opened_once_although_the_answer_is_lost(api, hub):
    hub.fail("POST", "/issues$", 0, done=True)
    open_one(api)
    assert len(hub.issues) == 1


@pytest.mark.parametrize("theirs", [1, 9_000], ids=["theirs is older", "ours is older"])
def test_of_two_jobs_that_open_an_issue_at_the_same_time_one_issue_stays(api, hub, theirs):
    def other_job():
        hub.issues.append({**hub.issues[0], "number": theirs})

    hub.meanwhile("POST", "/issues$", other_job, after=True)
    kept = open_one(api)
    stays = min(theirs, *(issue["number"] for issue in hub.issues))
    assert kept.number == stays
    # The other job looks again as well, and closes its own where that is the younger one.
    assert set(found(api, "open")) == ({stays} if theirs == stays else {stays, theirs})
    if theirs == stays:
        assert [comment["body"] for comment in hub.comments] == [
            "#1 says the same: two jobs opened one at the same time."
        ]


def test_a_token_without_the_right_names_the_permission(api, hub):
    hub.fail("POST", "/issues$", 403, "Resource not accessible by integration")
    with pytest.raises(NotPermitted, match="Add `issues: write`"):
        open_one(api)
