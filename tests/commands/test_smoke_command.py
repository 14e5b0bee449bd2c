"""`chamiperf smoke` and `chamiperf wait` as a user runs them."""

import json

import pytest
from command_line import command
from scripted_server import Reply, serving

from chamiperf_ci.models.seed import Smoke

pytestmark = pytest.mark.e2e


def test_a_whole_stack_exits_0_with_a_table_on_standard_output_and_a_file(embedded_stack, tmp_path):
    done = command("smoke", "--target", "embedded", cwd=tmp_path, state=embedded_stack)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["service", "operation", "outcome", "ms", "problem"]
    document = Smoke.model_validate(json.loads((tmp_path / "out" / "smoke.json").read_text(encoding="utf-8")))
    assert (document.ok, document.environment) == (True, "embedded")


def test_a_stack_that_is_not_there_exits_1(tmp_path):
    done = command("smoke", "--smd-url", "http://127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 1
    assert "local does not work: 1 failed, 9 skipped; " in done.stderr


def test_a_hanging_service_exits_1_at_the_deadline(tmp_path):
    with serving(Reply(hang=True)) as hanging:
        done = command("smoke", "--smd-url", hanging.url, "--deadline", "2s", cwd=tmp_path)
    assert (done.returncode, "no answer in time" in done.stdout) == (1, True)


def test_a_wrong_token_exits_2_and_says_how_to_give_another(embedded_stack, tmp_path):
    done = command("smoke", cwd=tmp_path, state=embedded_stack, CHAMICORE_INTERNAL_TOKEN="planted")
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2
    assert last.startswith("chamiperf: the credential internal-token is refused: ")
    assert last.endswith("Set CHAMICORE_INTERNAL_TOKEN, or give another credential (docs/your-stack.md).")
    assert "planted" not in done.stdout + done.stderr


def test_the_file_is_there_even_when_the_credential_is_refused(embedded_stack, tmp_path):
    command("smoke", cwd=tmp_path, state=embedded_stack, CHAMICORE_INTERNAL_TOKEN="planted")
    assert not json.loads((tmp_path / "out" / "smoke.json").read_text(encoding="utf-8"))["ok"]


@pytest.mark.parametrize("name", ["smoke", "wait", "seed"])
def test_without_a_target_nothing_is_tried(tmp_path, name):
    done = command(name, cwd=tmp_path)
    assert (done.returncode, done.stderr.startswith("chamiperf: no target is given (these variables are empty: ")) == (
        2,
        True,
    )


@pytest.mark.parametrize("name", ["smoke", "wait", "seed"])
def test_a_malformed_url_is_one_line(tmp_path, name):
    done = command(name, cwd=tmp_path, CHAMICORE_TEST_BSS_URL="bss.example:27778")
    assert (done.returncode, done.stderr) == (
        2,
        (
            "chamiperf: not an http or https URL (--bss-url or CHAMICORE_TEST_BSS_URL). "
            "Write http:// or https://, then the host and the port.\n"
        ),
    )


def test_wait_names_what_is_ready(embedded_stack, tmp_path):
    smd = embedded_stack.url("smd")
    summary = tmp_path / "summary"
    done = command("wait", "--smd-url", smd, cwd=tmp_path, GITHUB_STEP_SUMMARY=str(summary))
    assert summary.read_text() == f"🟢 wait {done.stdout.split()[2]} s\n\n"
    assert done.returncode == 0
    assert done.stdout.startswith("ready after ")
    assert done.stdout.endswith(" s: smd\n")


def test_wait_gives_up_after_its_time_out_with_3(tmp_path):
    done = command("wait", "--smd-url", "http://127.0.0.1:1", "--timeout", "500ms", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        3,
        (
            "waiting for smd: no answer: Connection refused\n"
            "chamiperf: not ready within 0.5 s: smd: no answer: Connection refused (http://127.0.0.1:1). "
            "Read the services' logs, or wait longer with --timeout.\n"
        ),
    )


def test_the_result_as_json_is_the_file_and_quietly_it_is_one_line(embedded_stack, tmp_path):
    done = command("smoke", "--target", "embedded", "--format", "json", cwd=tmp_path, state=embedded_stack)
    assert Smoke.model_validate_json(done.stdout) == Smoke.model_validate_json(
        (tmp_path / "out/smoke.json").read_text()
    )
    done = command("smoke", "--target", "embedded", "-q", cwd=tmp_path, state=embedded_stack)
    assert (done.stdout.count("\n"), "works: " in done.stdout) == (1, True)
