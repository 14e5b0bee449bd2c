import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from chamiperf_ci.adapters import bounds
from chamiperf_ci.adapters.history import BranchHistory, FolderHistory
from chamiperf_ci.errors import ConfigurationError, OutsideServiceError


def git(folder, *arguments):
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def remote(tmp_path):
    """An empty repository that others push to."""
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    return tmp_path / "remote.git"


@pytest.fixture
def clone(remote, tmp_path):
    def make(name):
        git(tmp_path, "clone", "--quiet", str(remote), name)
        return tmp_path / name

    return make


@pytest.fixture(params=["folder", "branch"])
def store(request, tmp_path):
    if request.param == "folder":
        return FolderHistory(tmp_path / "history")
    return BranchHistory(request.getfixturevalue("clone")("mine"), "data", sleep=lambda _: None)


def test_where_nothing_was_kept_there_is_no_history_and_with_the_first_night_there_is(store):
    with pytest.raises(ConfigurationError, match="there is no history here"):
        store.require()
    store.add({"lab/a.json": b"{}"}, message="first")
    store.require()


def contents_of(store):
    return dict(store.read(store.names()))


def test_a_place_that_does_not_exist_yet_is_empty(store):
    assert contents_of(store) == {}


def test_what_is_added_is_read_again(store):
    assert store.add({"lab/2026/03/a.json": b"{}\n", "lab/2026/03/b.json": b"[1]\n"}, message="Add") == (
        "lab/2026/03/a.json",
        "lab/2026/03/b.json",
    )
    assert contents_of(store) == {"lab/2026/03/a.json": b"{}\n", "lab/2026/03/b.json": b"[1]\n"}


def test_an_addition_keeps_what_is_there(store):
    store.add({"lab/a.json": b"1\n"}, message="Add")
    store.add({"lab/b.json": b"2\n"}, message="Add")
    assert contents_of(store) == {"lab/a.json": b"1\n", "lab/b.json": b"2\n"}


def test_the_same_run_added_again_writes_nothing(store):
    store.add({"lab/a.json": b"1\n"}, message="Add")
    assert store.add({"lab/a.json": b"1\n"}, message="Add") == ()


def test_a_run_is_never_rewritten(store):
    store.add({"lab/a.json": b"1\n"}, message="Add")
    with pytest.raises(ConfigurationError, match=r"lab/a\.json is in the history already, with other content"):
        store.add({"lab/a.json": b"2\n"}, message="Add")
    assert contents_of(store) == {"lab/a.json": b"1\n"}


def test_a_file_that_a_dying_writer_left_in_part_is_completed(store):
    store.add({"lab/a.json": b'{"wh'}, message="Add")
    assert store.add({"lab/a.json": b'{"whole": 1}\n'}, message="Add") == ("lab/a.json",)
    assert contents_of(store) == {"lab/a.json": b'{"whole": 1}\n'}


def test_hidden_files_and_other_files_are_no_history(tmp_path):
    for name in (".git/x.json", "README.md", ".a.json.123"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert FolderHistory(tmp_path).names() == ()


def test_the_working_tree_and_its_branches_stay_as_they_are(clone):
    mine = clone("mine")
    (mine / "draft.txt").write_text("unsaved thoughts")
    before = git(mine, "for-each-ref", "refs/heads"), git(mine, "status", "--porcelain")
    BranchHistory(mine, "data").add({"lab/a.json": b"1\n"}, message="Add")
    assert (git(mine, "for-each-ref", "refs/heads"), git(mine, "status", "--porcelain")) == before


def test_each_addition_is_one_commit_with_its_message(remote, clone):
    store = BranchHistory(clone("mine"), "data")
    store.add({"lab/a.json": b"1\n", "lab/b.json": b"1\n"}, message="Add two runs")
    store.add({"lab/c.json": b"1\n"}, message="Add a third")
    assert git(remote, "log", "--format=%s", "data").splitlines() == ["Add a third", "Add two runs"]


def test_a_shallow_clone_adds_and_stays_shallow(remote, clone, tmp_path):
    BranchHistory(clone("mine"), "data").add({"lab/a.json": b"1\n"}, message="Add")
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--branch", "data", f"file://{remote}", "shallow")
    git(tmp_path / "shallow", "checkout", "--quiet", "--detach")  # what is checked out is never written to
    store = BranchHistory(tmp_path / "shallow", "data")
    store.add({"lab/b.json": b"2\n"}, message="Add")
    assert contents_of(store) == {"lab/a.json": b"1\n", "lab/b.json": b"2\n"}
    assert git(tmp_path / "shallow", "rev-parse", "--is-shallow-repository").strip() == "true"


@pytest.mark.parametrize("where", ["clones of their own", "one clone"])
def test_concurrent_writers_lose_nothing(clone, where):
    folders = [clone("one"), clone("two")] if where == "clones of their own" else [clone("one")] * 2

    def write(writer):
        store = BranchHistory(folders[writer], "data")
        for night in range(6):
            store.add({f"lab/{writer}-{night}.json": b"%d\n" % night}, message=f"Night {night} of {writer}")

    with ThreadPoolExecutor(2) as both:
        list(both.map(write, range(2)))
    assert len(BranchHistory(folders[0], "data").names()) == 12


def test_concurrent_writers_of_a_folder_lose_nothing(tmp_path):
    def write(writer):
        store = FolderHistory(tmp_path)
        for night in range(20):
            contents = {f"lab/{writer}-{night}.json": b"1\n", f"lab/shared-{night}.json": b"2\n"}
            store.add(contents, message="Add")

    with ThreadPoolExecutor(2) as both:
        list(both.map(write, range(2)))
    assert len(FolderHistory(tmp_path).names()) == 60


def test_a_folder_that_is_a_file_is_one_clear_error(tmp_path):
    (tmp_path / "history").write_text("")
    with pytest.raises(ConfigurationError, match="the history cannot be read: Not a directory"):
        FolderHistory(tmp_path / "history").names()


def test_a_writer_that_lost_the_race_builds_on_the_winner(clone):
    winner = BranchHistory(clone("winner"), "data")
    races = iter([b"1\n", b"2\n"])

    class Slow(BranchHistory):
        """Overtaken between reading the branch and pushing to it, twice."""

        def _commit(self, parent, contents, message):
            if content := next(races, None):
                winner.add({f"lab/winner-{content[:1].decode()}.json": content}, message="Faster")
            return super()._commit(parent, contents, message)

    waits = []
    slow = Slow(clone("loser"), "data", sleep=waits.append)
    slow.add({"lab/loser.json": b"3\n"}, message="Slower")
    assert contents_of(slow) == {"lab/winner-1.json": b"1\n", "lab/winner-2.json": b"2\n", "lab/loser.json": b"3\n"}
    assert len(waits) == 2


def test_two_writers_of_the_same_run_write_it_once(remote, clone):
    for name in ("one", "two"):
        BranchHistory(clone(name), "data").add({"lab/a.json": b"1\n"}, message=f"Add by {name}")
    assert git(remote, "log", "--format=%s", "data").splitlines() == ["Add by one"]


def test_a_remote_that_is_gone_is_an_outside_failure(remote, clone):
    store = BranchHistory(clone("mine"), "data")
    shutil.rmtree(remote)
    with pytest.raises(OutsideServiceError, match="git ls-remote failed") as failed:
        store.add({"lab/a.json": b"1\n"}, message="Add")
    assert "you may read there" in failed.value.remedy


def test_a_branch_that_may_not_be_written_is_given_up_after_three_pushes(remote, clone):
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'protected branch' >&2\nexit 1\n")
    hook.chmod(0o755)
    waits = []
    with pytest.raises(OutsideServiceError, match="contents: write"):
        BranchHistory(clone("mine"), "data", sleep=waits.append).add({"lab/a.json": b"1\n"}, message="Add")
    assert len(waits) == 2


def test_a_password_in_the_remote_is_in_no_message(clone):
    with pytest.raises(OutsideServiceError) as caught:
        BranchHistory(clone("mine"), "data", remote="http://user:hunter2@127.0.0.1:9/x.git").names()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "/../../esc/x.json", "../x.json", "lab/../../x.json", "lab/.git/x.json", ".git/hooks/x.json", "/etc/x.json",
        "lab//x.json", "lab/x.json/..", "lab/a\nb.json", "-x/a.json", "lab/-x.json", "lab/..a/x.json", "lab\\x.json",
        "",
    ],
)  # fmt: skip
def test_a_name_that_would_leave_the_history_is_refused_and_nothing_is_written(store, tmp_path, name):
    with pytest.raises(ConfigurationError, match="cannot name an entry of the history"):
        store.add({"lab/good.json": b"1\n", name: b"2\n"}, message="Add")
    assert contents_of(store) == {}
    assert not list(tmp_path.rglob("good.json"))


@pytest.mark.parametrize(
    "remote_name",
    ["--upload-pack=touch pwned", "-c", "ext::sh -c touch% pwned", "fd::3", "or igin", "origin\n--all", ""],
)
def test_a_remote_that_git_would_take_for_an_option_or_a_command_is_refused(tmp_path, remote_name):
    with pytest.raises(ConfigurationError, match="neither the name nor the URL of a remote"):
        BranchHistory(tmp_path, "data", remote_name)


@pytest.mark.parametrize(
    "branch", ["--all", "-d", "a..b", "a b", "a:b", "+a", "a/", "a//b", "a.lock", "@{-1}", "a~1", ""]
)
def test_a_branch_that_git_would_take_for_something_else_is_refused(tmp_path, branch):
    with pytest.raises(ConfigurationError, match="cannot name a branch"):
        BranchHistory(tmp_path, branch)


def _with_commit(folder, branch, name):
    git(folder, "checkout", "--quiet", "-b", branch)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("{}")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "Begin")
    git(folder, "push", "--quiet", "origin", branch)


def test_the_default_branch_and_the_one_checked_out_are_never_written_to(remote, clone):
    mine = clone("mine")
    _with_commit(mine, "trunk", "lab/a.json")
    git(remote, "symbolic-ref", "HEAD", "refs/heads/trunk")
    with pytest.raises(ConfigurationError, match="trunk is the remote's default branch"):
        BranchHistory(clone("other"), "trunk").add({"lab/b.json": b"1\n"}, message="Add")
    _with_commit(mine, "work", "lab/c.json")
    with pytest.raises(ConfigurationError, match="work is checked out here"):
        BranchHistory(mine, "work").add({"lab/b.json": b"1\n"}, message="Add")
    assert "lab/b.json" not in git(remote, "ls-tree", "-r", "--name-only", "work")


@pytest.mark.parametrize("name", ["src/main.py", "package.json", "docs/index.html"])
def test_a_branch_that_holds_anything_else_is_left_alone(remote, clone, name):
    mine = clone("mine")
    _with_commit(mine, "data", name)
    git(mine, "checkout", "--quiet", "--detach")
    with pytest.raises(ConfigurationError, match=f"contains something else: '{name}'"):
        BranchHistory(mine, "data").add({"lab/b.json": b"1\n"}, message="Add")
    assert git(remote, "ls-tree", "-r", "--name-only", "data").split() == [name]


def test_a_checkout_of_another_user_is_named_with_what_allows_it(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "--quiet", tmp_path / "my repo"], check=True)
    # git's own way to test this without a second user.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(ConfigurationError, match="that another user owns") as refused:
        BranchHistory(tmp_path / "my repo", "data").names()
    assert f"git config --global --add safe.directory '{tmp_path / 'my repo'}'" in str(refused.value)


def test_an_entry_too_long_to_be_one_is_as_damaged_as_any(tmp_path):
    (tmp_path / "long").touch()
    os.truncate(tmp_path / "long", bounds.MOST_BYTES + 1)
    (tmp_path / "short").write_text("{}")
    assert dict(FolderHistory(tmp_path).read(["long", "short"])) == {"long": b"", "short": b"{}"}
