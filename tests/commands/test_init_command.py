"""`chamiperf init` in a repository of somebody else's."""

import re
import subprocess

import pytest
import yaml

from chamiperf_ci.__main__ import main
from chamiperf_ci.steps import init as step

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NEWER = "1" * 40
TOOLKIT = f"octo/chamiperf-ci@{COMMIT}"
NIGHTLY = ".github/workflows/chamiperf-nightly.yml"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty repository, in which the command is called."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def init(repository, capsys):
    """Calls the command; returns its exit code, its output and its messages."""
    del repository

    def call(*words, toolkit=TOOLKIT):
        with pytest.raises(SystemExit) as ended:
            main(["init", *words, *(["--toolkit", toolkit] if toolkit else [])])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return call


def test_an_empty_repository_gets_a_nightly_that_names_a_commit(init, repository):
    code, out, _ = init()
    assert code == 0
    text = (repository / NIGHTLY).read_text()
    assert f"uses: octo/chamiperf-ci/.github/workflows/pipeline.yml@{COMMIT} # v" in text
    assert "OWNER" not in text
    assert "COMMIT" not in text
    assert out.startswith(f"{NIGHTLY}: written\nchamiperf.toml: written\n\nLeft to do:\n1. ")
    assert out.rstrip().endswith("Start the first night by hand: Actions, chamiperf nightly, Run workflow.")


@pytest.mark.parametrize("name", step.names())
def test_each_workflow_is_whole(init, repository, name):
    assert init("--workflows", name, "--target", "lab", "--runner", "self-hosted,perf")[0] == 0
    text = (repository / f".github/workflows/chamiperf-{name}.yml").read_text()
    workflow = yaml.safe_load(text)
    assert workflow["name"].startswith("chamiperf ")
    assert not re.search("OWNER|COMMIT|staging|stack: embedded", text.partition("name:")[2])
    if name == "nightly":
        # Nothing is left of the self-test and of its load for two shared cores.
        assert not re.search("self-test|two shared cores|Your own stack|demo|vus:|nodes:(?!`)|#\n", text)
        assert "      profile: quick\n" in text
    for job in workflow["jobs"].values():
        if "pipeline.yml" in job.get("uses", ""):
            assert job["with"]["runner"] == '["self-hosted", "perf"]'


def test_a_second_call_changes_nothing(init, repository):
    init("--workflows", "nightly,quick")
    before = (repository / NIGHTLY).read_text()
    code, out, _ = init()
    assert (code, out.count(": current\n"), "Left to do" in out) == (0, 3, False)
    assert (repository / NIGHTLY).read_text() == before


def test_an_older_copy_is_told_by_check_and_made_anew_with_its_values(init, repository):
    init("--runner", "perf", "--target", "lab")
    newer = f"octo/chamiperf-ci@{NEWER}"
    code, out, err = init("--check", toolkit=newer)
    assert (code, f"{NIGHTLY}: older\n" in out) == (1, True)
    assert "Run `chamiperf init` with the current toolkit" in err
    assert NEWER not in (repository / NIGHTLY).read_text()
    code, out, _ = init(toolkit=newer)
    text = (repository / NIGHTLY).read_text()
    assert (code, f"{NIGHTLY}: updated\n" in out) == (0, True)
    assert f"+    uses: octo/chamiperf-ci/.github/workflows/pipeline.yml@{NEWER}" in out
    assert NEWER in text
    assert "      runner: perf\n" in text
    assert "      target: lab\n" in text
    assert init("--check", toolkit=newer)[0] == 0


def test_a_copy_that_was_edited_stays_until_somebody_says_otherwise(init, repository):
    init()
    file = repository / NIGHTLY
    file.write_text(file.read_text().replace("23 2 * * *", "5 1 * * *"))
    assert init("--check")[0] == 0
    newer = f"octo/chamiperf-ci@{NEWER}"
    code, out, err = init(toolkit=newer)
    assert (code, f"{NIGHTLY}: edited, older\n" in out) == (1, True)
    assert "Merge the diff above by hand, or overwrite the file with --force." in err
    assert "5 1 * * *" in file.read_text()
    assert NEWER not in file.read_text()
    assert init("--force", toolkit=newer)[0] == 0
    assert "23 2 * * *" in file.read_text()


def test_a_file_of_somebody_elses_is_never_written_over(init, repository):
    file = repository / NIGHTLY
    file.parent.mkdir(parents=True)
    file.write_text("name: mine\n")
    code, out, _ = init("--workflows", "nightly")
    assert (code, f"{NIGHTLY}: not ours\n" in out) == (1, True)
    assert file.read_text() == "name: mine\n"


def test_targets_that_are_there_stay(init, repository):
    (repository / "chamiperf.toml").write_text("[targets.lab]\n")
    init()
    assert (repository / "chamiperf.toml").read_text() == "[targets.lab]\n"


def test_a_missing_copy_is_told_by_check(init):
    code, out, _ = init("--check", "--workflows", "watch")
    assert (code, "chamiperf-watch.yml: new\n" in out) == (1, True)


def test_a_dry_run_writes_nothing(init, repository):
    assert init("--dry-run")[0] == 0
    assert [path.name for path in repository.iterdir()] == [".git"]


@pytest.mark.parametrize("link", [".github", ".github/workflows", NIGHTLY, "chamiperf.toml"])
def test_a_link_as_a_target_is_refused_and_nothing_is_written(init, repository, tmp_path_factory, link):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    place = repository / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(elsewhere / "planted" if link.endswith((".yml", ".toml")) else elsewhere)
    code, _, err = init()
    assert code == 2
    assert f"this is a symbolic link, which may lead elsewhere ({link})." in err
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("place", [".github", ".github/workflows"])
def test_a_file_where_a_folder_belongs_is_named(init, repository, place):
    (repository / place).parent.mkdir(exist_ok=True)
    (repository / place).write_text("somebody's")
    code, _, err = init()
    assert code == 2
    assert f"this is a file, and a folder belongs here ({place}). Move it out of the way." in err
    assert (repository / place).read_text() == "somebody's"
    assert not (repository / "chamiperf.toml").exists()


@pytest.mark.parametrize(
    ("words", "toolkit", "said"),
    [
        ([], "octo/chamiperf-ci@v0.2.0", "is not OWNER/REPO@SHA (--toolkit). Give the commit in full"),
        ([], "octo@" + COMMIT, "is not OWNER/REPO@SHA"),
        ([], "octo/..@" + COMMIT, "is not OWNER/REPO@SHA"),
        ([], f"octo/a b@{COMMIT}", "is not OWNER/REPO@SHA"),
        ([], f"octo/a@{COMMIT}\nrun: evil", "is not OWNER/REPO@SHA"),
        (
            ["--workflows", "nightly,nonsense"],
            TOOLKIT,
            "there is no workflow 'nonsense' (--workflows). Choose from: comment,",
        ),
        (["--workflows", "../nightly"], TOOLKIT, "there is no workflow '../nightly'"),
        (["--runner", "a b"], TOOLKIT, "'a b' is not a runner's label (--runner)"),
        (["--runner", "a,,b"], TOOLKIT, "'' is not a runner's label"),
        (["--runner", "${{ github.event.x }}"], TOOLKIT, "is not a runner's label"),
        (["--target", "a: b"], TOOLKIT, "'a: b' is not a target's name (--target)"),
        (["--target", "x\ny"], TOOLKIT, "is not a target's name"),
        ([], f"OWNER/chamiperf-ci@{COMMIT}", "'OWNER' is a placeholder (--toolkit). Replace it with the real one."),
        ([], f"owner/chamiperf-ci@{COMMIT}", "'owner' is a placeholder (--toolkit)"),
        ([], f"your-org/chamiperf-ci@{COMMIT}", "'your-org' is a placeholder (--toolkit)"),
        ([], f"octo/REPO@{COMMIT}", "'REPO' is a placeholder (--toolkit)"),
        ([], "octo/chamiperf-ci@COMMIT", "'COMMIT' is a placeholder (--toolkit)"),
        ([], f"octo/chamiperf-ci@{'0' * 40}", "is a placeholder (--toolkit)"),
        (["--target", "NAME"], TOOLKIT, "'NAME' is a placeholder (--target)"),
        (["--runner", "self-hosted,LABEL"], TOOLKIT, "'LABEL' is a placeholder (--runner)"),
        (["--workflows", "watch", "--branch", "NAME"], TOOLKIT, "'NAME' is a placeholder (--branch)"),
        (["--workflows", "watch", "--branch", "a]\nb"], TOOLKIT, "is not a plain branch name (--branch)"),
        # Also where no workflow has a place for it.
        (["--workflows", "nightly", "--branch", "a b"], TOOLKIT, "'a b' is not a plain branch name (--branch)"),
        (["--workflows", "watch", "--target", "a/b"], TOOLKIT, "'a/b' is not a target's name (--target)"),
        (["--workflows", "watch", "--runner", "NAME"], TOOLKIT, "'NAME' is a placeholder (--runner)"),
    ],
)
def test_what_cannot_be_used_is_exit_code_2_and_writes_nothing(init, repository, words, toolkit, said):
    code, _, err = init(*words, toolkit=toolkit)
    assert (code, [path.name for path in repository.iterdir()]) == (2, [".git"])
    assert said in err


def test_a_placeholder_that_a_build_recorded_is_refused(init, monkeypatch):
    monkeypatch.setattr(step, "recorded_release", lambda: f"OWNER/chamiperf-ci@{COMMIT}")
    code, _, err = init(toolkit=None)
    assert (code, "'OWNER' is a placeholder (--toolkit)" in err, err.count("\n")) == (2, True, 1)


def pushed(repository, name="watch"):
    """The branches whose pushes a workflow runs on."""
    text = (repository / f".github/workflows/chamiperf-{name}.yml").read_text()
    return yaml.safe_load(text)[True]["push"]["branches"]


def git(repository, *words):
    """Run git as somebody."""
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.test"]
    subprocess.run(["git", *identity, *words], cwd=repository, check=True, capture_output=True)


@pytest.mark.parametrize("name", ["watch", "smoke"])
@pytest.mark.parametrize("branch", ["main", "master", "trunk"])
def test_a_new_repositorys_only_branch_is_its_default_one(init, repository, name, branch):
    git(repository, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    assert init("--workflows", name)[0] == 0
    assert pushed(repository, name) == [branch]


def test_the_remotes_default_branch_counts_before_what_is_checked_out(init, repository):
    git(repository, "symbolic-ref", "HEAD", "refs/heads/topic")
    git(repository, "commit", "--allow-empty", "--message", "First")
    git(repository, "branch", "main")
    init("--workflows", "watch")
    assert pushed(repository) == ["main"]
    git(repository, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop")
    init("--workflows", "smoke")
    assert pushed(repository, "smoke") == ["develop"]
    # The copy of the first time is not made anew by what another clone knows.
    assert init("--check")[0] == 0
    assert init("--branch", "develop")[0] == 0
    assert pushed(repository) == ["develop"]


def test_a_branch_with_a_strange_name_is_refused_only_where_a_workflow_names_it(init, repository):
    git(repository, "symbolic-ref", "HEAD", "refs/heads/a'b")
    assert init("--workflows", "nightly")[0] == 0
    code, _, err = init("--workflows", "watch")
    assert (code, "is not a plain branch name (--branch)" in err) == (2, True)


@pytest.mark.parametrize("word", ["", "self-test", "embedded", "none"])
def test_the_self_test_has_several_names(init, repository, word):
    init("--target", "lab")
    assert init("--target", word)[0] == 0
    assert "      stack: embedded\n" in (repository / NIGHTLY).read_text()
    (repository / "chamiperf.toml").write_text("[targets.none]\n")
    init("--target", word)
    assert ("      target: none\n" in (repository / NIGHTLY).read_text()) is (word == "none")


def test_what_is_there_already_is_not_left_to_do(init, repository):
    words = ("--workflows", "pull-request,watch,quick", "--target", "lab", "--dry-run")
    asked = init(*words)[1]
    for line in (
        "Describe the target lab in chamiperf.toml.",
        "Describe the target pull-request in chamiperf.toml.",
        "Commit .github/chamiperf/deploy, an executable script",
        "Add the workflow nightly: without it, no night comes.",
        "Add `/out/` to .gitignore",
    ):
        assert line in asked
    (repository / "chamiperf.toml").write_text("[targets.lab]\n[targets.pull-request]\n[targets.pull-request-base]\n")
    (repository / ".gitignore").write_text("/out/\n")
    (repository / ".github/chamiperf").mkdir(parents=True)
    (repository / ".github/chamiperf/deploy").write_text("#!/bin/sh\n")
    assert "Commit .github/chamiperf/deploy" in init(*words)[1]
    (repository / ".github/chamiperf/deploy").chmod(0o755)
    init("--workflows", "nightly")
    asked = init(*words)[1]
    assert not re.search("Describe|deploy|Add ", asked.partition("Left to do:")[2])


def test_a_smoke_test_names_the_target_that_it_takes(init):
    assert "Describe the target staging in chamiperf.toml." in init("--workflows", "smoke")[1]


def test_targets_that_cannot_be_read_are_refused(init, repository):
    (repository / "chamiperf.toml").write_text("[targets.lab\n")
    code, _, err = init()
    assert (code, "chamiperf.toml" in err, "Traceback" in err) == (2, True, False)
    assert not (repository / NIGHTLY).exists()


def test_a_workflow_that_is_added_later_has_the_values_of_the_others(init, repository):
    init("--workflows", "nightly,smoke", "--target", "lab", "--runner", "self-hosted,perf")
    init("--workflows", "quick")
    quick = (repository / ".github/workflows/chamiperf-quick.yml").read_text()
    assert "default: lab" in quick or "target: lab" in quick
    assert "perf" in quick
    # A workflow without a target has none, so it takes no part.
    code, out, _ = init("--workflows", "watch", "--target", "lab")
    assert (code, out.count("chamiperf-watch.yml: written")) == (0, 1)
    init("--target", "staging2")
    assert "chamiperf-watch.yml: current\nchamiperf.toml: current\n" in init()[1]
    init("--workflows", "fork,drill")
    assert "      target: staging2\n" in (repository / ".github/workflows/chamiperf-drill.yml").read_text()
    # Where the others do not agree, none of them speaks for the new one.
    init("--workflows", "nightly", "--target", "other")
    (repository / ".github/workflows/chamiperf-drill.yml").unlink()
    init("--workflows", "drill")
    assert "      stack: embedded\n" in (repository / ".github/workflows/chamiperf-drill.yml").read_text()


def test_the_guide_that_chamiperf_toml_names_follows_the_toolkit(init, repository):
    file = repository / "chamiperf.toml"
    init()
    file.write_text(file.read_text() + "[targets.lab]\n")
    code, out, _ = init(toolkit=f"hexa/chamiperf-ci@{NEWER}")
    assert (code, "chamiperf.toml: updated\n" in out) == (0, True)
    assert f"https://github.com/hexa/chamiperf-ci/blob/{NEWER}/docs/your-stack.md\n" in file.read_text()
    assert "octo" not in file.read_text()
    assert file.read_text().endswith("[targets.lab]\n")


def test_an_installation_that_does_not_know_its_place_asks_for_it(init, monkeypatch):
    for finder in ("recorded_release", "_installed_from", "_checked_out"):
        monkeypatch.setattr(step, finder, lambda: None)
    code, _, err = init(toolkit=None)
    assert code == 2
    assert "Give the repository and the commit that workflows are to use, as --toolkit OWNER/REPO@SHA." in err


def test_an_installation_that_does_not_know_its_place_takes_the_one_of_the_copies(init, repository, monkeypatch):
    for finder in ("recorded_release", "_installed_from", "_checked_out"):
        monkeypatch.setattr(step, finder, lambda: None)
    assert init()[0] == 0
    assert init("--check", toolkit=None)[0] == 0
    code, out, _ = init("--workflows", "nightly,smoke", toolkit=None)
    assert (code, "chamiperf-smoke.yml: written" in out) == (0, True)
    assert f"actions/smoke@{COMMIT} # v" in (repository / ".github/workflows/chamiperf-smoke.yml").read_text()
    # Another version's templates may need another commit, and so may copies that do not agree.
    monkeypatch.setattr(step, "__version__", "99.0.0")
    assert init(toolkit=None)[0] == 2
    monkeypatch.undo()
    monkeypatch.chdir(repository)
    init("--workflows", "smoke", toolkit=TOOLKIT.replace(COMMIT, NEWER))
    for finder in ("recorded_release", "_installed_from", "_checked_out"):
        monkeypatch.setattr(step, finder, lambda: None)
    assert init(toolkit=None)[0] == 2


@pytest.mark.parametrize(
    ("changed", "runner", "target"),
    [
        (("--runner", "big"), "big", "lab"),
        (("--target", "staging"), "perf", "staging"),
        (("--target", ""), "perf", None),
        ((), "perf", "lab"),
    ],
)
def test_an_option_that_is_left_out_stays_as_it_was(init, repository, changed, runner, target):
    init("--target", "lab", "--runner", "perf")
    code, out, _ = init(*changed)
    text = (repository / ".github/workflows/chamiperf-nightly.yml").read_text()
    assert code == 0
    assert f"      runner: {runner}\n" in text
    assert (f"      target: {target}\n" in text, "      stack: embedded\n" in text) == (
        target is not None,
        target is None,
    )
    assert ("Register a runner with the labels" in out) is bool(changed and changed[1])


def test_a_copy_that_gets_another_target_says_what_that_leaves_to_do(init):
    init()
    code, out, _ = init("--target", "lab", "--runner", "self-hosted,perf")
    assert code == 0
    assert "\n1. Describe the target lab in chamiperf.toml.\n2. Store the stack's token as the secret" in out
    assert "\n3. Register a runner with the labels self-hosted, perf.\n" in out
    assert "Left to do" not in init("--target", "lab", "--runner", "self-hosted,perf")[1]


def test_what_the_build_recorded_is_used(init, repository, monkeypatch):
    monkeypatch.setattr(step, "recorded_release", lambda: TOOLKIT)
    assert init(toolkit=None)[0] == 0
    assert COMMIT in (repository / NIGHTLY).read_text()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://github.com/octo/chamiperf-ci.git", TOOLKIT),
        ("ssh://git@github.com/octo/chamiperf-ci", TOOLKIT),
        ("file:///somewhere", None),
    ],
)
def test_an_installation_from_git_knows_its_place(monkeypatch, url, place):
    class Installed:
        def read_text(self, _):
            return f'{{"url": "{url}", "vcs_info": {{"vcs": "git", "commit_id": "{COMMIT}"}}}}'

    monkeypatch.setattr(step.metadata, "distribution", lambda _: Installed())
    assert step._installed_from() == place  # noqa: SLF001 - what pip wrote is read nowhere else


def test_outside_a_repository_it_says_so(init, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("nowhere"))
    code, _, err = init()
    assert code == 2
    assert "this is not a git repository" in err


def test_from_a_folder_below_it_writes_at_the_root(init, repository, monkeypatch):
    (repository / "src").mkdir()
    monkeypatch.chdir(repository / "src")
    assert init()[0] == 0
    assert (repository / NIGHTLY).is_file()


def test_by_hand_one_sed_line_makes_the_same_workflow(init, repository):
    init()
    _, _, written = (repository / NIGHTLY).read_text().partition("\n")
    page = (step.workflow_templates().parent / "docs" / "github.md").read_text()
    (line,) = re.findall(r"(?m)^sed .*$", page)
    line = line.replace("COMMIT-IN-FULL", COMMIT)
    copied = repository / "workflows"
    copied.mkdir()
    (copied / "nightly.yml").write_text((step.workflow_templates() / "nightly.yml").read_text())
    subprocess.run(["sh", "-c", line.replace(".github/workflows/chamiperf-*.yml", "workflows/*.yml")], check=True)
    assert (copied / "nightly.yml").read_text() == re.sub(r" # v\d+\.\d+\.\d+(?=\n)", "", written, count=1)
