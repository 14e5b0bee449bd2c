"""`chamiperf load` as a user runs it, with real k6 against a real stack.

Nothing here asserts that a generator was healthy: tests share their machine.
"""

import json
import random
import resource
import signal
import subprocess
import sys
import time

import pytest
from command_line import GENERATOR, command, environment, k6_of
from made_targets import target_of

from chamicore_standin import faulting, lifecycle
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.models.faults import Errors, KeaStop, LoseSync, ReadinessDown, SwapScripts
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.target import Service, StackOptions
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.load.request import read_profile
from chamiperf_ci.steps.load.volume import work_of

pytestmark = pytest.mark.e2e

FEW = ("discovery", "power", "mcp", "kea", "kea-sync")
NODES = 300
SHORT = ("--profile", "demo", "--vus", 20, "--spike", 0, "--sustained", "3s", "--settle", "0.2s")
LONG = ("--profile", "demo", "--vus", 20, "--spike", 0, "--sustained", "60s", "--settle", "0.2s")


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    """A stack with some nodes, and the file that says so."""
    folder = tmp_path_factory.mktemp("loaded")
    state = lifecycle.up(StackOptions(ports="ephemeral", without=FEW), state_dir=folder / "state")
    done = command("seed", "--target", "embedded", "--nodes", NODES, cwd=folder, state=state)
    assert done.returncode == 0, done.stderr
    yield state, folder / "out" / "seed.json"
    lifecycle.down(folder / "state")


@pytest.fixture
def stack(seeded):
    """The module's stack, without faults before and after."""
    yield seeded[0]
    faulting.clear_faults(seeded[0])


@pytest.fixture
def load(stack, seeded, tmp_path):
    """Run `chamiperf load` on the stack, in a folder of the test's own."""

    def run(*arguments, **more):
        options = ("--target", "embedded", "--seed-file", seeded[1], *arguments)
        return command("load", *options, cwd=tmp_path, **{"state": stack, **more})

    return run


@pytest.fixture
def document(tmp_path):
    """Read a run that was written."""

    def read(name="boot_storm"):
        return Run.model_validate_json((tmp_path / "out" / "runs" / f"{name}.json").read_bytes())

    return read


def _reasons(run):
    return {problem.reason for problem in run.problems}


def test_a_load_leaves_a_run_that_says_everything(load, document):
    done = load(*SHORT)
    assert done.returncode in (0, 3), done.stderr
    run = document()
    assert done.returncode == (0 if run.valid else 3), done.stderr
    assert _reasons(run) <= GENERATOR
    bootscript = next(each for each in run.series if each.endpoint == "bootscript")
    assert sum(window.count for window in bootscript.windows) == bootscript.phases["sustained"].count
    assert (run.complete, run.self_test, run.fingerprint.k6_version) == (True, True, "1.1.0")
    assert run.fingerprint.parameters["sustained_vus"] == 20
    assert {identity.service for identity in run.identities} == {"auth", "smd", "bss", "cloud-init"}
    assert all(identity.version for identity in run.identities)
    again, *others = run.checks
    assert {check.name: check.ok for check in others} == {"objects after the load": True, "gauges after the load": True}
    # Other work on this machine may make the answers after the load slower than those under it.
    assert (again.name, again.ok or "it was" in again.problem) == ("requests after the load", True)
    assert run.generator is not None
    assert run.generator.rss_mb_max > 10
    assert 0 < run.generator.time_series < 1000
    # What k6, the stack and the tool use themselves is not foreign.
    assert 0 <= run.machine.foreign_cpu_percent < run.generator.machine_cpu_percent_p95


def test_the_result_is_on_standard_output_and_the_rest_on_standard_error(load):
    done = load(*SHORT)
    assert "boot_storm" in done.stdout.splitlines()[2]
    assert "about 2" in done.stderr


def test_only_json_that_is_whole_is_left_and_no_secret_in_it(load, stack, tmp_path):
    load(*SHORT)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and "stack" not in path.parts[-2]]
    assert {path.name for path in written} == {"boot_storm.json", "plan.json", "k6.config", "k6.log"}
    token = lifecycle.internal_token(stack)
    assert not [path for path in written if token in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize(
    ("fault", "options", "reason"),
    [
        pytest.param(
            Errors(service="bss", route="bootscript", rate=1.0), ("--brake-after", "2s"), "brake-failures", id="503s"
        ),
        pytest.param(
            ReadinessDown(service="bss", seconds=120), ("--brake-after", "3s"), "brake-readiness", id="not ready"
        ),
    ],
)
def test_a_brake_stops_the_load_and_keeps_the_run_as_invalid(load, document, stack, *, fault, options, reason):
    faulting.set_fault(stack, fault)
    done = load(*LONG, *options)
    run = document()
    assert done.returncode == 3
    assert reason in _reasons(run)
    assert run.traffic
    assert fault.kind in run.injected_faults[0]


def test_the_longest_duration_stops_the_load(load, document):
    load(*SHORT, "--sustained", "20s", "--max-duration", "21s", "--cooldown", 0)
    # What would not fit is not begun.
    assert _reasons(document()) == {RunReason.NOT_RUN_BUDGET}


def test_answers_429_are_counted_apart_and_spoil_the_run(load, document, stack):
    faulting.set_fault(stack, Errors(service="bss", route="bootscript", rate=0.2, error="429"))
    load(*SHORT)
    run = document()
    assert RunReason.THROTTLED in _reasons(run)
    assert sum(each.failed for each in run.traffic) == 0
    assert sum(each.throttled for each in run.traffic) > 0


def test_wrong_content_with_200_is_a_failure_with_a_sample(load, document, stack):
    faulting.set_fault(stack, SwapScripts(service="bss", share=1.0))
    load(*SHORT)
    run = document()
    failed = {why: sum(each.failed_by[why] for each in run.traffic) for why in ("status", "content", "no_answer")}
    assert failed["content"] == sum(each.requests for each in run.traffic)
    assert 0 < len(run.failures) <= 3
    assert run.failures[0].status == 200
    assert "kernel" in run.failures[0].body


def test_nodes_that_a_lost_sync_has_cost_are_counted_exactly(load, document, stack):
    lost = random.randint(0, 200)  # noqa: S311 - known only to the stack and to this line
    faulting.set_fault(stack, LoseSync(service="bss", count=lost, seed=random.randint(0, 1000), secret=True))  # noqa: S311
    load(*SHORT, "--sustained", "6s")
    found = {scalar.name: scalar.value for scalar in document().scalars}
    assert (found["nodes never served"], found["nodes not asked"]) == (lost, 0)
    assert found["nodes booted"] == NODES - lost


def test_a_stack_that_dies_under_load_ends_in_an_invalid_run(tmp_path):
    state = lifecycle.up(StackOptions(ports="ephemeral", without=FEW), state_dir=tmp_path / "state")
    try:
        command("seed", "--target", "embedded", "--nodes", 50, cwd=tmp_path, state=state)
        with _started("load", "--target", "embedded", *SHORT, cwd=tmp_path, state=state) as process:
            k6_of(process)
            time.sleep(1.5)
            lifecycle.down(tmp_path / "state")
            _, said = process.communicate(timeout=90)
        assert process.returncode == 3, said
        run = Run.model_validate_json((tmp_path / "out" / "runs" / "boot_storm.json").read_bytes())
    finally:
        lifecycle.down(tmp_path / "state")
    assert RunReason.STACK_UNREACHABLE in _reasons(run)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)])
def test_an_interrupted_load_keeps_what_was_measured_as_incomplete(stack, seeded, document, tmp_path, number):
    with _started(
        "load", "--target", "embedded", "--seed-file", seeded[1], *LONG, cwd=tmp_path, state=stack
    ) as process:
        k6 = k6_of(process)
        time.sleep(2.5)
        process.send_signal(number)
        process.communicate(timeout=60)
    run = document()
    assert process.returncode == 3
    assert not k6.is_running()
    assert (run.complete, run.problems[0].text) == (False, f"interrupted by {number.name}")
    assert sum(each.requests for each in run.traffic) > 0


def test_a_load_that_one_process_cannot_hold_is_split(stack, seeded, document, tmp_path):
    options = ("--target", "embedded", "--seed-file", seeded[1], *SHORT, "--vus", 60, "--pace", "0.5s")
    done = subprocess.run(
        [sys.executable, "-m", "chamiperf_ci.commands.load", *map(str, options)],
        cwd=tmp_path, env=environment(stack, cwd=tmp_path), capture_output=True, text=True, timeout=120, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (540, 540)),
    )  # fmt: skip
    run = document()
    assert run.plan.segments == 2, done.stderr
    assert run.complete
    assert any("2 processes shared the load" in warning for warning in run.warnings)
    # 60 VUs at two requests a second for 3 s, less what a busy machine does not get done.
    assert 200 < sum(each.requests for each in run.traffic if each.phase == "sustained") <= 370


def test_pairs_alternate_and_are_kept_by_number_and_side(stack, seeded, tmp_path):
    urls = "\n".join(f'{each.name} = "{each.url}"' for each in stack.services if each.name in ("smd", "bss"))
    text = f'[targets.previous]\nenvironment = "embedded"\n[targets.previous.services]\n{urls}\n'
    (tmp_path / "chamiperf.toml").write_text(text, encoding="utf-8")
    pairs = ("--pairs", 2, "--against", "previous", "--against-seed-file", seeded[1])
    options = ("--seed-file", seeded[1], "--environment", "embedded", *SHORT, "--sustained", "1s", *pairs)
    done = command("load", *options, cwd=tmp_path, state=stack)
    runs = [Run.model_validate_json(path.read_bytes()) for path in (tmp_path / "out" / "runs").glob("*.json")]
    assert done.returncode in (0, 3), done.stderr
    assert [run.run_kind for run in sorted(runs, key=lambda run: run.started_at)] == [
        *(RunKind.PAIR_OLD, RunKind.PAIR_NEW, RunKind.PAIR_NEW, RunKind.PAIR_OLD),
    ]
    assert {path.name for path in (tmp_path / "out" / "runs").glob("*")} == {
        f"boot_storm.pair-{number}.{side}.json" for number in (1, 2) for side in ("old", "new")
    }


def test_a_private_ca_is_verified_and_in_the_fingerprint(make_stack, tmp_path):
    state = make_stack(tls=True, without=FEW)
    seed = command("seed", "--target", "embedded", "--nodes", 50, cwd=tmp_path, state=state)
    assert seed.returncode == 0, seed.stderr
    done = command("load", "--target", "embedded", *SHORT, "--sustained", "1s", cwd=tmp_path, state=state)
    run = Run.model_validate_json((tmp_path / "out" / "runs" / "boot_storm.json").read_bytes())
    assert done.returncode in (0, 3), done.stderr
    assert run.fingerprint.tls == "verified"
    assert sum(each.failed for each in run.traffic) == 0


def test_the_requests_of_a_cycle_are_those_that_the_plan_counts(make_stack, tmp_path):
    state = make_stack(without=("mcp", "kea", "kea-sync"))
    seed = command("seed", "--target", "embedded", "--nodes", 50, cwd=tmp_path, state=state)
    assert seed.returncode == 0, seed.stderr
    options = ("--scenario", "database_stress", "--profile", "demo", "--spike", 0, "--sustained", "3s")
    done = command("load", "--target", "embedded", *options, cwd=tmp_path, state=state)
    run = Run.model_validate_json((tmp_path / "out" / "runs" / "database_stress.json").read_bytes())
    assert done.returncode in (0, 3), done.stderr
    sent: dict[str, int] = {}
    for each in run.traffic:
        sent[each.service] = sent.get(each.service, 0) + each.requests
    planned = work_of("database_stress", read_profile("demo").scenarios["database_stress"], dialect()).requests
    assert {check.name: check.ok for check in run.checks}["objects after the load"] is True
    assert {each.kind for each in run.objects if each.left} == {"transitions"}
    # Of the last cycles a part may be missing.
    assert {service: count / sent["smd"] for service, count in sent.items()} == pytest.approx(
        {str(service): count / planned[Service.SMD] for service, count in planned.items()}, rel=0.05
    )


GRANT = ("--scenario", "auth_under_load", "--profile", "demo", "--set", "grant=token-exchange")


def test_a_foreign_token_is_exchanged_and_is_in_no_file(load, document, stack, tmp_path):
    with Chamicore(target_of(stack)) as client:
        account = client.dialect.objects["service-account"]
        body = {**account.body, "name": "foreign", "scopes": ["read:components"]}
        spec = client.create(account.model_copy(update={"body": body}), {}).spec
        grant = {"client_id": spec["clientId"], "client_secret": spec["clientSecret"]}
        answer = client.send("POST", "auth", "/auth/v1/token", {"grant_type": "client_credentials", **grant})
    token = json.loads(answer.content)["access_token"]
    few = ("--vus", 5, "--sustained", "2s", "--ramp-up", 0, "--cooldown", 0, "--settle", "0.2s")
    done = load(*GRANT, *few, CHAMIPERF_SUBJECT_TOKEN=token)
    assert done.returncode in (0, 3), done.stderr
    asked = [each for each in document("auth_under_load").traffic if each.endpoint == "token" and each.requests]
    assert asked
    assert [each for each in asked if each.failed] == []
    assert token not in done.stdout + done.stderr
    assert not [path for path in tmp_path.rglob("*.*") if path.is_file() and token in path.read_text(errors="replace")]


def test_a_token_exchange_without_a_token_is_refused_before_the_load(load):
    done = load(*GRANT)
    assert (done.returncode, "CHAMIPERF_SUBJECT_TOKEN" in done.stderr) == (2, True)


def test_a_plan_is_shown_without_a_stack_and_without_a_seed(tmp_path):
    done = command("load", "--dry-run", "--scenario", "all", "--profile", "full", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[2:10]] == [
        *("boot_storm", "cloud_init_storm", "auth_under_load", "inventory_scale", "mixed_boot_path"),
        *("bulk_registration", "dhcp_sync_burst", "database_stress"),
    ]
    assert not list((tmp_path / "out").glob("*"))
    judged = [line for line in done.stdout.splitlines() if " can judge, of " in line]
    assert "auth_under_load can judge, of token: p50, p95, p99 by windows; p99.9 over the whole phase" in judged
    only_pooled = "p50, p95 over the whole phase; p99, p99.9 never"
    assert f"dhcp_sync_burst can judge, of interface-create, interface-delete: {only_pooled}" in judged


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--target", "nowhere"), "there is no target 'nowhere' (chamiperf.toml)"),
        (("--bss-url", "bss:80"), "not an http or https URL (--bss-url or CHAMICORE_TEST_BSS_URL)"),
        (("--gateway", "http://h:99999"), "not a URL: Port out of range 0-65535 (--gateway or CHAMIPERF_GATEWAY_URL)"),
        (("--kea-url", "http://"), "the URL has no usable host (--kea-url or CHAMIPERF_KEA_URL)"),
        (("--environment", "a b"), "'a b' cannot name an environment (--environment)"),
        (("--network", "10.0.0.0/33"), "not an IPv4 network"),
        (("--pairs", "5", "--against", "nowhere"), "there is no target 'nowhere' (chamiperf.toml)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_plan_for_a_target_that_cannot_be_one_is_refused(given, said, tmp_path):
    done = command("load", "--dry-run", *given, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"chamiperf: {said}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "given",
    [("--target", "embedded"), ("--target", "lab"), ("--bss-url", "http://127.0.0.1:9")],
    ids=lambda value: value[1],
)
def test_a_plan_for_a_target_that_is_not_there_needs_neither_stack_nor_secret(given, tmp_path):
    lab = '[targets.lab]\ncredential = "internal-token"\ninternal_token_file = "missing"\ngateway = "http://lab"\n'
    (tmp_path / "chamiperf.toml").write_text(lab)
    done = command("load", "--dry-run", *given, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_scenario_that_the_stack_cannot_do_loses_no_other(load, document):
    done = load(*SHORT[:2], "--scenario", "dhcp_sync_burst", "--scenario", "boot_storm", "--pause", "0.1s")
    assert done.returncode == 3
    assert _reasons(document("dhcp_sync_burst")) == {RunReason.NOT_POSSIBLE}
    assert "the stack has no kea" in done.stdout
    assert document("boot_storm").complete


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "text"),
    [
        pytest.param(("--scenario", "boot_strom"), {}, 2, "Did you mean boot_storm", id="unknown scenario"),
        pytest.param(("--profile", "fast"), {}, 2, "There are: demo", id="unknown profile"),
        pytest.param(("--seed-file", "none.json"), {}, 2, "Run `chamiperf seed` first", id="no seed"),
        pytest.param((), {"CHAMICORE_INTERNAL_TOKEN": "wrong"}, 2, "refused", id="wrong token"),
        pytest.param((), {"BOOT_P99_TARGET_MS": "9"}, 2, "BOOT_P99_TARGET_MS", id="a threshold by variable"),
        pytest.param(("--k6", "/nowhere/k6"), {}, 2, "--k6=/nowhere/k6", id="no k6"),
        pytest.param(("--vus", "10000000"), {}, 2, "preflight", id="too large a load"),
        pytest.param(("--out", "/proc/out"), {}, 2, "--out", id="an output folder that cannot be written"),
        pytest.param(("--pairs", "5"), {}, 2, "--against", id="pairs without an old side"),
        pytest.param(("--set", "mix"), {}, 2, "NAME=VALUE", id="a setting that is none"),
        pytest.param(("--rate", "5"), {}, 2, "no arrivals", id="an option without a place"),
    ],
)
def test_bad_input_is_one_clear_line_and_its_exit_code(stack, seeded, tmp_path, *, arguments, variables, code, text):
    urls = {**environment(stack, cwd=tmp_path), **variables}
    options = ("--environment", "embedded", "--profile", "demo", "--seed-file", seeded[1], *arguments)
    done = command("load", *options, cwd=tmp_path, **urls)
    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr
    assert sum(line.startswith("chamiperf: ") for line in done.stderr.splitlines()) == 1
    assert not (tmp_path / "out" / "runs" / "boot_storm.json").exists()


def test_seeds_of_another_environment_are_refused(stack, seeded, tmp_path):
    options = ("--target", "embedded", "--environment", "lab", "--seed-file", seeded[1], *SHORT)
    done = command("load", *options, cwd=tmp_path, state=stack)
    assert done.returncode == 2
    assert "the seed file is of embedded" in done.stderr


def test_nodes_that_are_not_there_are_found_before_the_load(stack, seeded, tmp_path):
    seed = json.loads(seeded[1].read_text(encoding="utf-8"))
    (tmp_path / "seed.json").write_text(json.dumps(seed | {"run_id": "r000other"}), encoding="utf-8")
    done = command("load", "--target", "embedded", "--seed-file", "seed.json", *SHORT, cwd=tmp_path, state=stack)
    assert done.returncode == 2
    assert "is not in the stack" in done.stderr


def test_a_stack_that_is_not_there_is_no_measurement(seeded, tmp_path):
    options = ("--bss-url", "http://127.0.0.1:9", "--environment", "embedded", "--seed-file", seeded[1], *SHORT)
    done = command("load", *options, cwd=tmp_path)
    assert done.returncode == 3
    assert "no answer" in done.stderr


def test_a_host_that_is_not_listed_is_not_loaded(seeded, tmp_path):
    options = ("--bss-url", "http://boot.example.net", "--seed-file", seeded[1], *SHORT)
    done = command("load", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert "boot.example.net is not allowed" in done.stderr


def _started(name, *arguments, cwd, state):
    return subprocess.Popen(
        [sys.executable, "-m", f"chamiperf_ci.commands.{name}", *map(str, arguments)],
        cwd=cwd, env=environment(state, cwd=cwd), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


BURST = ("--scenario", "dhcp_sync_burst", "--profile", "demo", "--settle", "0.2s", "--set", "changes=40",
         "--set", "poll_s=0.2", "--set", "settle_s=15", "--set", "wait_s=4")  # fmt: skip


def test_changes_until_kea_has_them_are_measured_and_a_kea_that_stops_is_named(make_stack, tmp_path):
    state = make_stack(sync_interval_s=1, without=("discovery", "power", "mcp"))
    command("seed", "--target", "embedded", "--nodes", 20, cwd=tmp_path, state=state)

    def burst():
        done = command("load", "--target", "embedded", *BURST, cwd=tmp_path, state=state)
        file = tmp_path / "out" / "runs" / "dhcp_sync_burst.json"
        return done, Run.model_validate_json(file.read_bytes())

    done, run = burst()
    found = {scalar.name: scalar.value for scalar in run.scalars}
    assert (found["changes seen"], found["changes never seen"], found["sync interval"]) == (40, 0, 1), done.stderr
    assert {check.name: check.ok for check in run.checks}["objects after the load"] is True
    faulting.set_fault(state, KeaStop(service="kea"))
    done, run = burst()
    assert (done.returncode, [each.what for each in run.unavailable]) == (3, ["Kea"])
    assert run.problems[0].text == "nothing was measured (Kea: it gives no list of reservations)"
