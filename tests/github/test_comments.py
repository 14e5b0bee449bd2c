"""The sticky comment: one per pull request and key, whoever else writes and whatever is lost on the way."""

import pytest
from github_standin import ROBOT

from chamiperf_ci.adapters.github import comments
from chamiperf_ci.adapters.github.api import NotPermitted, Rejected, connect
from chamiperf_ci.adapters.github.comments import Posting, decide, find, find_all, login_of, marker, post
from chamiperf_ci.errors import ConfigurationError

REPOSITORY = "octo/stack"


def put(api, text, *, key="nightly", author=ROBOT):
    """Post as the step does: look, then create or update."""
    existing = find(api, REPOSITORY, 7, key=key, author=author)
    return post(api, REPOSITORY, 7, key=key, author=author, text=text, existing=existing)


def test_a_second_post_updates_the_first_comment_in_place(api, hub):
    first = put(api, "one")
    second = put(api, "two")
    assert second.number == first.number
    assert [comment["body"] for comment in hub.comments] == [f"{marker('nightly')}\ntwo"]


def test_another_key_has_a_comment_of_its_own(api, hub):
    put(api, "one", key="nightly")
    put(api, "two", key="quick")
    assert len(hub.comments) == 2


def test_the_comment_is_found_on_a_later_page(api, hub):
    for number in range(250):
        hub.add_comment(7, "somebody", f"chatter {number}")
    hub.add_comment(7, ROBOT, f"{marker('nightly')}\nold")
    put(api, "new")
    assert hub.comments[-1]["body"].endswith("new")
    assert len(hub.comments) == 251


def test_a_comment_of_somebody_else_with_our_marker_is_left_alone(api, hub):
    hub.add_comment(7, "mallory", f"{marker('nightly')}\nmine")
    put(api, "ours")
    assert [comment["author"] for comment in hub.comments] == ["mallory", ROBOT]
    assert hub.comments[0]["body"].endswith("mine")


def test_a_comment_that_only_quotes_our_marker_is_left_alone(api, hub):
    hub.add_comment(7, ROBOT, f"> {marker('nightly')}\nquoted")
    put(api, "ours")
    assert len(hub.comments) == 2


def test_a_comment_of_a_deleted_account_is_passed_over(api, hub):
    hub.add_comment(7, None, "from the past")
    put(api, "ours")
    assert len(hub.comments) == 2


@pytest.mark.parametrize(
    "status",
    [pytest.param(0, id="the connection is cut"), pytest.param(502, id="a gateway answers in its place")],
)
def test_a_comment_is_created_once_although_the_answer_is_lost(api, hub, status):
    hub.fail("POST", "/comments$", status, done=True)
    comment = put(api, "one")
    assert len(hub.comments) == 1
    assert comment.number == hub.comments[0]["id"]


def test_a_comment_is_created_once_although_every_answer_is_lost(api, hub):
    hub.fail("POST", "/comments$", 0, done=True, times=4)
    assert put(api, "one").body.endswith("one")
    assert len(hub.comments) == 1


def test_a_create_that_never_arrived_is_sent_again(api, hub):
    hub.fail("POST", "/comments$", 0)
    put(api, "one")
    assert len(hub.comments) == 1


def test_a_token_without_the_right_names_the_permission_and_where_to_write_it(api, hub):
    hub.fail("POST", "/comments$", 403, "Resource not accessible by integration")
    with pytest.raises(NotPermitted) as caught:
        put(api, "one")
    assert str(caught.value) == (
        "this token may not comment on pull request #7 (POST /repos/octo/stack/issues/7/comments: 403 Resource not "
        "accessible by integration). Add `pull-requests: write` to `permissions:` of this job, and name there all else "
        "that it needs (`contents: read` for a checkout): permissions that are not named are removed."
    )


def test_a_locked_conversation_is_not_taken_for_a_missing_right(api, hub):
    hub.fail("POST", "/comments$", 403, "Unable to create comment because issue is locked.")
    with pytest.raises(NotPermitted, match="the conversation is locked: could not comment") as caught:
        put(api, "one")
    assert "permissions:" not in str(caught.value)


def test_a_write_that_is_answered_as_not_found_is_a_missing_right(api, hub):
    hub.fail("POST", "/comments$", 404, "Not Found")
    with pytest.raises(NotPermitted):
        put(api, "one")


def test_a_comment_that_is_too_long_is_rejected_with_githubs_words(api):
    with pytest.raises(Rejected, match="Body is too long"):
        put(api, "x" * 70_000)


def test_a_workflows_own_token_writes_as_githubs_robot(api):
    assert login_of(api) == ROBOT


def test_an_apps_token_is_known_by_its_prefix_and_not_asked_for_its_name(hub):
    hub.login = "ada"
    assert login_of(connect("ghs_0123456789", api_url=hub.base_url)) == ROBOT


def test_a_persons_token_writes_as_that_person(api, hub):
    hub.login = "ada"
    assert login_of(api) == "ada"


def test_a_token_that_is_not_accepted_is_not_taken_for_the_robots(api, hub):
    hub.fail("GET", "/user", 401, "Bad credentials")
    with pytest.raises(NotPermitted, match="does not accept the token"):
        login_of(api)


@pytest.mark.parametrize("key", ["", "a b", "-->", "a\nb", "x" * 65])
def test_a_key_that_could_end_the_marker_is_refused(key):
    with pytest.raises(ConfigurationError, match="is not a comment key"):
        marker(key)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(None, Posting.CREATED, id="none there"),
        pytest.param("M\nsame", Posting.UNCHANGED, id="the same text"),
        pytest.param("M\r\nsame \n", Posting.UNCHANGED, id="the same text with GitHub's line ends"),
        pytest.param("M\nother", Posting.UPDATED, id="another text"),
    ],
)
def test_what_posting_means_is_decided_before_it_is_done(body, expected):
    existing = None if body is None else comments.Comment(number=1, author=ROBOT, body=body)
    assert decide(existing, "same") is expected


def test_a_comment_that_was_deleted_meanwhile_is_made_anew(api, hub):
    first = put(api, "one")
    hub.comments.clear()
    second = post(api, REPOSITORY, 7, key="nightly", author=ROBOT, text="two", existing=first)
    assert [comment["body"] for comment in hub.comments] == [f"{marker('nightly')}\ntwo"]
    assert second.body.endswith("two")


def test_a_comment_that_is_there_and_may_not_be_written_is_not_made_twice(api, hub):
    put(api, "one")
    hub.fail("PATCH", "/comments/", 404, "Not Found")
    with pytest.raises(NotPermitted):
        put(api, "two")
    assert len(hub.comments) == 1


@pytest.mark.parametrize("turn", ["the other job was first", "ours was first"])
def test_two_jobs_at_once_end_in_one_comment(api, hub, turn):
    """The other job looked when we did, found none as we did, and writes its own."""
    other = f"{marker('nightly')}\ntheirs"
    is_first = turn.startswith("ours")
    hub.meanwhile("POST", "/comments$", lambda: hub.add_comment(7, ROBOT, other), after=is_first)
    comment = put(api, "ours")
    if is_first:
        # The other job takes its second look.
        theirs = find_all(api, REPOSITORY, 7, key="nightly", author=ROBOT)[-1]
        comments.only_one(
            api, REPOSITORY, 7, theirs, key="nightly", author=ROBOT, body={"body": f"{marker('nightly')}\nours"}
        )
    assert [one["body"] for one in hub.comments] == [f"{marker('nightly')}\nours"]
    assert comment.body.endswith("ours")
