"""The scripts behind every action: they check the runner, install the toolkit once a job, and start its commands."""

import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import types
from itertools import pairwise
from pathlib import Path

import pytest
from scripted_server import Reply, serving

from chamiperf_ci.adapters.k6.command import TESTED

SCRIPT = Path(__file__).resolve().parents[1] / "actions" / "setup" / "install.py"


@pytest.fixture
def setup(monkeypatch, tmp_path):
    """The script as a module, in a job with its files."""
    spec = importlib.util.spec_from_file_location("setup_action", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(tmp_path / name))
        (tmp_path / name).touch()
    monkeypatch.setenv("RUNNER_TOOL_CACHE", str(tmp_path / "tools"))
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path / "temp"))
    monkeypatch.setenv("CHAMIPERF_SETUP_CACHE", "true")
    return module


def written(tmp_path, name):
    """One of the job's files."""
    return (tmp_path / name).read_text()


def value(tmp_path, name):
    """An output of the step."""
    lines = written(tmp_path, "GITHUB_OUTPUT").splitlines()
    return next(after for line, after in pairwise(lines) if line.startswith(f"{name}<<"))


@pytest.fixture
def job(setup, tmp_path):
    """Notes an installation, as an earlier step of the job leaves it; the command writes down what it was given."""

    def note(source=None):
        command = setup.job_folder() / "env" / "path" / "chamiperf"
        command.parent.mkdir(parents=True)
        command.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/given\n')
        command.chmod(0o755)
        said = {"source": source or setup.own_digest(), "place": str(command.parents[1]), "origin": "octo/tool@v9",
                "version": "9.9.9"}  # fmt: skip
        (setup.job_folder() / "installed.json").write_text(json.dumps(said))
        return command

    return note


def test_the_cache_is_named_by_the_lock_files(setup, tmp_path):
    setup.plan()
    assert value(tmp_path, "cache-key").startswith("chamiperf-packages-linux-")
    assert value(tmp_path, "cache-key").endswith(setup.digest(setup.locks())[:16])


def test_packages_that_are_there_need_no_cache(setup, tmp_path):
    setup.packages().mkdir(parents=True)
    setup.plan()
    assert value(tmp_path, "cache") == "false"


@pytest.mark.parametrize("word", ["", "yes", "True", "1"])
def test_a_flag_that_is_neither_true_nor_false_is_exit_code_2(setup, word, monkeypatch, capsys):
    monkeypatch.setenv("CHAMIPERF_SETUP_CACHE", word)
    with pytest.raises(SystemExit) as ended:
        setup.plan()
    assert ended.value.code == 2
    assert "cache is neither true nor false" in capsys.readouterr().out


def started(tmp_path, *words, path="/usr/bin:/bin", **variables):
    """Run `actions/run` as an action does; what is on the path is the test's."""
    files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")}
    environment = {"PATH": path, "RUNNER_TEMP": str(tmp_path / "temp"), "HOME": str(tmp_path), **files, **variables}
    return subprocess.run(
        ["/bin/bash", str(SCRIPT.parents[1] / "run"), *words],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


def test_without_any_python_an_action_says_so_and_does_not_end_in_127(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "dirname").symlink_to("/usr/bin/dirname")
    ran = started(tmp_path, "run", "wait", path=str(tools))
    assert ran.returncode == 2, ran.stderr
    assert "there is no Python on this runner. Put `uses: actions/setup-python`" in ran.stdout
    assert written(tmp_path, "GITHUB_OUTPUT") == "exit-code=2\n"
    assert "there is no Python" in written(tmp_path, "GITHUB_STEP_SUMMARY")


def test_a_python_that_is_too_old_is_said_with_the_cure(tmp_path):
    old = tmp_path / "bin" / "python3"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\ncase "$*" in *version_info*) echo 3 9 ;; *) echo 3.9.21 ;; esac\n')
    old.chmod(0o755)
    (old.parent / "dirname").symlink_to("/usr/bin/dirname")
    ran = started(tmp_path, "run", "wait", path=str(old.parent))
    assert ran.returncode == 2, ran.stderr
    assert "::error title=chamiperf::Python 3.9.21 is too old for chamiperf. Put `uses: actions/setup-" in ran.stdout


def test_a_newer_python_beside_one_that_is_too_old_is_found(tmp_path, job):
    job()
    old = tmp_path / "bin" / "python3"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 3 9\n")
    old.chmod(0o755)
    (old.parent / "python3.11").symlink_to(sys.executable)
    ran = started(tmp_path, "run", "wait", path=f"{old.parent}:/usr/bin:/bin")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_python_that_does_not_exist_is_named_by_its_input(tmp_path):
    ran = started(tmp_path, "plan", CHAMIPERF_SETUP_PYTHON="python9.9", CHAMIPERF_SETUP_CACHE="true")
    assert ran.returncode == 2
    assert "the input python names no Python that runs: python9.9." in ran.stdout


def test_an_action_starts_what_this_job_installed_with_the_words_of_args(tmp_path, job):
    job()
    given = "--spike-vus 20 --set 'a b' --pace=50ms"
    ran = started(tmp_path, "run", "load", CHAMIPERF_ACTION_ARGS=given)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert written(tmp_path, "given").splitlines() == ["load", "--spike-vus", "20", "--set", "a b", "--pace=50ms"]


def test_args_that_cannot_be_split_are_exit_code_2(tmp_path, job):
    job()
    ran = started(tmp_path, "run", "load", CHAMIPERF_ACTION_ARGS="--set 'a")
    assert ran.returncode == 2
    assert "the input args cannot be split into words: No closing quotation. Close each quotation mark." in ran.stdout


def test_a_shell_in_args_is_a_word_like_any_other(tmp_path, job):
    job()
    ran = started(tmp_path, "run", "load", CHAMIPERF_ACTION_ARGS="$(touch planted) ; touch planted")
    assert ran.returncode == 0
    assert written(tmp_path, "given").splitlines() == ["load", "$(touch", "planted)", ";", "touch", "planted"]


def test_actions_of_two_commits_in_one_job_are_refused(tmp_path, job):
    job(source="another commit")
    variables = {"CHAMIPERF_SETUP_REPOSITORY": "octo/tool", "CHAMIPERF_SETUP_REF": "v8"}
    ran = started(tmp_path, "run", "load", **variables)
    assert ran.returncode == 2
    assert "this action is of octo/tool@v8, and the job has installed chamiperf from octo/tool@v9." in ran.stdout


def test_a_chamiperf_on_the_path_that_setup_did_not_install_counts_for_nothing(setup, monkeypatch, tmp_path):
    other = tmp_path / "bin" / "chamiperf"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}:/usr/bin:/bin")
    note = {"place": str(tmp_path), "source": setup.own_digest(), "version": "9.9.9"}
    monkeypatch.setattr(setup, "build", lambda _: note)
    assert setup.ready() == note
    assert written(tmp_path, "GITHUB_PATH") == f"{tmp_path / 'path'}\n"


def test_the_guide_is_that_of_the_actions_own_version(setup, monkeypatch):
    monkeypatch.setenv("CHAMIPERF_SETUP_REPOSITORY", "octo/chamiperf-ci")
    monkeypatch.setenv("CHAMIPERF_SETUP_REF", "v0.1.0")
    assert setup.guide("python") == "https://github.com/octo/chamiperf-ci/blob/v0.1.0/docs/runner.md#python"


def test_too_few_open_files_are_a_warning_with_the_cure(setup, monkeypatch, capsys):
    monkeypatch.setattr(setup.resource, "getrlimit", lambda _: (1024, 4096))
    setup.check_open_files()
    assert "::warning title=chamiperf setup::at most 4,096 open files" in capsys.readouterr().out


def test_enough_open_files_are_not_mentioned(setup, monkeypatch, capsys):
    monkeypatch.setattr(setup.resource, "getrlimit", lambda _: (1024, 65_536))
    setup.check_open_files()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("version", "warned"),
    [
        pytest.param((2, 326, 0), True, id="just too old"),
        pytest.param((2, 327, 1), False, id="just new enough"),
        pytest.param(None, False, id="not to be seen"),
    ],
)
def test_a_runner_that_is_too_old_for_the_pinned_actions_is_a_warning(setup, version, warned, monkeypatch, capsys):
    monkeypatch.setattr(setup, "runner_version", lambda _: version)
    setup.check_runner()
    assert ("the runner is version" in capsys.readouterr().out) is warned


@pytest.fixture
def k6(monkeypatch, tmp_path):
    """Puts a k6 of that content on the path."""

    def put(content):
        file = tmp_path / "bin" / "k6"
        file.parent.mkdir()
        file.write_text(content)
        file.chmod(0o755)
        monkeypatch.setenv("PATH", str(file.parent))

    return put


@pytest.mark.parametrize(
    ("script", "warning"),
    [
        pytest.param("echo 'k6 v1.1.1 (go1.24.3, linux/amd64)'", "is another than 1.1.0: its runs", id="another"),
        pytest.param("echo 'k6 v1.1.0-rc1 (go1.24.3)'", "is another than 1.1.0: its runs", id="one before it"),
        pytest.param("echo not found", "is not k6: its `version` names none", id="not k6"),
    ],
)
def test_a_k6_on_the_path_that_will_not_do_is_a_warning_with_the_cure(setup, k6, script, warning, capsys):
    k6(f"#!/bin/sh\n{script}\n")
    setup.check_k6()
    said = capsys.readouterr().out
    assert said.startswith(f"::warning title=chamiperf setup::the k6 on the path {warning}")
    assert "Give grafana/setup-k6-action `k6-version: 1.1.0`" in said


def test_a_k6_on_the_path_of_another_machine_is_a_warning(setup, k6, capsys):
    k6("\x7fELF of another machine")
    setup.check_k6()
    assert "::the k6 on the path cannot be run: no load" in capsys.readouterr().out


def test_a_k6_on_the_path_that_hangs_is_a_warning(setup, k6, monkeypatch, capsys):
    monkeypatch.setattr(setup, "K6_ANSWER_S", 0.2)
    k6("#!/bin/sh\nexec /bin/sleep 20\n")
    setup.check_k6()
    assert "::the k6 on the path cannot be run: no load" in capsys.readouterr().out


def test_the_tested_k6_on_the_path_is_not_mentioned(setup, k6, capsys):
    k6("#!/bin/sh\necho 'k6 v1.1.0 (go1.24.3, linux/amd64)'\n")
    setup.check_k6()
    assert capsys.readouterr().out == ""


def test_without_a_k6_on_the_path_nothing_is_said(setup, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    setup.check_k6()
    assert capsys.readouterr().out == ""


def test_the_tested_k6_is_the_toolkits(setup):
    assert tuple(map(int, setup.K6.split("."))) == TESTED


def test_a_disk_that_is_nearly_full_is_a_warning_with_the_cure(setup, monkeypatch, capsys):
    monkeypatch.setattr(setup, "FREE_BYTES", 2**63)
    setup.check_disk()
    said = capsys.readouterr().out
    assert "MB are free in" in said
    assert "Remove files of old jobs there" in said


def test_a_disk_with_room_is_not_mentioned(setup, monkeypatch, capsys):
    monkeypatch.setattr(setup, "FREE_BYTES", 1)
    setup.check_disk()
    assert capsys.readouterr().out == ""


def test_outside_a_runner_its_version_is_not_known(setup):
    assert setup.runner_version(1) is None


def test_a_runner_that_cannot_say_its_version_has_none(setup, tmp_path):
    worker, listener = tmp_path / "Runner.Worker", tmp_path / "Runner.Listener"
    shutil.copy(shutil.which("sleep"), worker)
    listener.write_text("no program")
    listener.chmod(0o755)
    with subprocess.Popen([worker, "60"]) as process:
        try:
            assert setup.runner_version(process.pid) is None
        finally:
            process.kill()


def test_two_states_of_the_toolkit_are_two_environments(setup, monkeypatch):
    before = setup.own_digest()
    monkeypatch.setattr(setup, "source", lambda: b"another commit")
    assert setup.own_digest() != before


def test_two_lock_files_are_two_environments_and_two_folders_of_packages(setup, monkeypatch):
    before = setup.own_digest(), setup.packages()
    monkeypatch.setattr(setup, "locks", lambda: b"another lock")
    assert setup.own_digest() != before[0]
    assert setup.packages() != before[1]


def test_what_an_earlier_job_planted_among_the_packages_is_not_installed(setup, monkeypatch, tmp_path):
    # pip itself refuses a package of another hash; then everything is fetched anew.
    (setup.packages() / "planted").mkdir(parents=True)
    asked = []

    def pip(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, 1 if "--no-index" in command and len(asked) == 2 else 0)

    monkeypatch.setattr(setup.subprocess, "run", pip)
    monkeypatch.setattr(setup, "fail", lambda *_: pytest.fail("nothing is wrong"))
    with pytest.raises((AttributeError, FileNotFoundError)):
        setup.build(tmp_path / "env")
    verbs = [next(word for word in command if word in ("venv", "install", "download")) for command in asked]
    assert verbs == ["venv", "install", "download", "install", "install"]
    assert all("--require-hashes" in command for command in asked[1:4])
    assert not (setup.packages() / "planted").exists()


@pytest.fixture
def grafana(setup, monkeypatch, tmp_path):
    """Takes a release that is served as the caller says, in a place with the k6 of the index."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    monkeypatch.setattr(setup, "K6_SILENCE_S", 0.3)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as files:
        of = tarfile.TarInfo("k6-v1.1.0-linux-amd64/k6")
        of.size = len(b"grafana's")
        files.addfile(of, io.BytesIO(b"grafana's"))
    monkeypatch.setattr(setup.os, "uname", lambda: types.SimpleNamespace(machine="x86_64"))
    monkeypatch.setattr(setup, "K6_SHA256", {"x86_64": ("linux-amd64", setup.digest(packed.getvalue()))})
    setup.packages().mkdir(parents=True)
    place = tmp_path / "env"
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "k6").write_bytes(b"of the index")

    def took(answer):
        with serving(answer(packed.getvalue())) as server:
            monkeypatch.setattr(setup, "K6_RELEASE", f"{server.url}/v{{version}}/k6-{{system}}")
            setup.take_grafanas_k6(place)
        return (place / "bin" / "k6").read_bytes(), [asked.path for asked in server.asked]

    return took


def test_grafanas_release_is_taken_once_and_kept_by_its_hash(grafana, setup):
    assert grafana(lambda archive: Reply(body=archive)) == (b"grafana's", ["/v1.1.0/k6-linux-amd64"])
    assert grafana(lambda _: Reply(404)) == (b"grafana's", [])
    # What another job changed among what is kept is fetched anew.
    (setup.packages() / "grafana-k6-1.1.0-linux-amd64").write_bytes(b"planted")
    assert grafana(lambda archive: Reply(body=archive))[1] == ["/v1.1.0/k6-linux-amd64"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(lambda _: Reply(404), "cannot be fetched", id="not there"),
        pytest.param(lambda _: Reply(hang=True), "cannot be fetched", id="hangs"),
        pytest.param(lambda archive: Reply(body=archive + b" "), "::warning title=chamiperf setup::", id="another"),
    ],
)
def test_what_is_not_grafanas_release_leaves_the_k6_of_the_index(grafana, setup, answer, said, capsys):
    assert grafana(answer)[0] == b"of the index"
    assert said in capsys.readouterr().out
    assert list(setup.packages().iterdir()) == []


def test_a_release_that_never_ends_is_given_up(grafana, setup, monkeypatch, capsys):
    monkeypatch.setattr(setup, "K6_ARCHIVE_BYTES", 10)
    assert grafana(lambda archive: Reply(body=archive))[0] == b"of the index"
    assert "more than 10 bytes" in capsys.readouterr().out


@pytest.mark.parametrize("why", ["no index", "a k6 on the path", "another machine"])
def test_grafanas_release_is_not_asked_for_where_it_does_not_serve(grafana, setup, monkeypatch, tmp_path, why):
    if why == "no index":
        monkeypatch.setenv("PIP_NO_INDEX", "1")
    elif why == "a k6 on the path":
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty" / "k6").write_text("#!/bin/sh\n")
        (tmp_path / "empty" / "k6").chmod(0o755)
    else:
        monkeypatch.setattr(setup.os, "uname", lambda: types.SimpleNamespace(machine="riscv64"))
        setup.packages().mkdir(parents=True, exist_ok=True)
    assert grafana(lambda archive: Reply(body=archive)) == (b"of the index", [])


@pytest.mark.parametrize(
    ("ref", "recorded"), [("c0ffee" * 6 + "c0ff", True), ("v0.2.0", False), ("main", False), (None, False)]
)
def test_the_package_records_where_it_comes_from_where_that_cannot_move(setup, monkeypatch, ref, recorded):
    if ref:
        monkeypatch.setenv("CHAMIPERF_SETUP_REPOSITORY", "octo/chamiperf-ci")
        monkeypatch.setenv("CHAMIPERF_SETUP_REF", ref)
    assert setup.release() == (f"octo/chamiperf-ci@{ref}" if recorded else "")


def test_packages_that_cannot_be_installed_are_exit_code_2(setup, capsys):
    with pytest.raises(SystemExit) as ended:
        setup.run(["false"], "install the locked packages", "packages")
    assert ended.value.code == 2
    assert "could not install the locked packages" in capsys.readouterr().out


def test_what_was_installed_is_an_output_and_in_the_summary(setup, job, tmp_path):
    job()
    setup.install()
    assert value(tmp_path, "version") == "9.9.9"
    assert written(tmp_path, "GITHUB_STEP_SUMMARY") == "Installed chamiperf 9.9.9.\n\n"


@pytest.mark.parametrize(
    ("ports", "warned"),
    [("10240 35239", True), ("10240 35240", False), ("nonsense", False)],
    ids=["just too few", "just enough", "not to be seen"],
)
def test_too_few_local_ports_are_a_warning_with_the_cure(setup, ports, warned, monkeypatch, capsys):
    monkeypatch.setattr(setup.Path, "read_text", lambda *_, **__: ports)
    setup.check_ports()
    said = capsys.readouterr().out
    assert ("24,999 local ports: too few for profile full. Set net.ipv4.ip_local_port_range" in said) is warned
    assert ("docs/runner.md#local-ports" in said) is warned


def test_each_point_of_the_page_is_linked_by_a_message():
    text = SCRIPT.read_text()
    page = (SCRIPT.parents[2] / "docs" / "runner.md").read_text()
    linked = set(re.findall(r'"([a-z0-9-]+)",?\s*\)', text))
    headings = {line[3:].lower().replace(" ", "-") for line in page.splitlines() if line.startswith("## ")}
    assert headings == {
        "python",
        "open-files",
        "local-ports",
        "runner-version",
        "packages",
        "k6",
        "disk",
        "venv",
        "inputs",
    }
    assert headings <= linked


def test_an_output_cannot_end_early(setup, tmp_path):
    setup.output("first", "x\nchamiperf-0\nstolen<<E\ny\nE")
    name, *_, last = written(tmp_path, "GITHUB_OUTPUT").splitlines()
    assert name == f"first<<{last}"
    assert len(last) == len("chamiperf-") + 32
