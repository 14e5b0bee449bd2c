"""The lock on a real stack."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command_line import command
from made_targets import target, target_of
from scripted_server import Reply, serving

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import StackLocked, UnexpectedAnswer
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps import lock as locks
from chamiperf_ci.steps.lock import Claim

pytestmark = pytest.mark.e2e

TESTS = Path(__file__).parent.parent
MINE = Claim("mine-1", "me")
OTHER = Claim("other-1", "somebody")
APART = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")
"""Processes with numbers of their own under the same machine's name, as in a container on the host's network."""


@pytest.fixture
def client(embedded_stack):
    """A client of the session's stack, whose lock is free before and after."""
    with Chamicore(target_of(embedded_stack)) as client:
        yield client
        shape = client.dialect.objects["lock"]
        client.delete(shape, shape.key)


@pytest.fixture
def said():
    """What was said."""
    return []


def test_a_free_stack_is_locked_while_it_is_used_and_free_afterwards(client, said):
    with locks.hold(client, MINE, say=said.append):
        assert locks.inspect(client).run == "mine-1"
    assert (locks.inspect(client), said) == (None, [])


def test_a_second_run_is_refused_and_told_by_whom(client, said):
    taken = locks.acquire(client, OTHER, say=said.append)
    with pytest.raises(StackLocked) as refused, locks.hold(client, MINE, say=said.append):
        pass
    assert str(refused.value) == (
        f"the stack is in use: run other-1 of somebody until {taken.expires:%Y-%m-%d %H:%M:%S} UTC "
        "(the group chamiperf-lock in SMD). Wait for it, or take it with --break-lock if that run is dead."
    )


def test_the_steps_of_one_run_share_the_lock_and_leave_it_to_who_took_it(client, said):
    taken = locks.acquire(client, Claim("mine-1", "me", life=timedelta(hours=6)), say=said.append)
    with locks.hold(client, MINE, say=said.append):
        pass
    left = locks.inspect(client)
    assert (left.run, abs(left.expires - taken.expires) < timedelta(seconds=1)) == ("mine-1", True)


def test_a_stale_lock_is_taken_over_and_said(client, said):
    locks.acquire(client, Claim("dead-1", "somebody", life=timedelta(seconds=-60)), say=said.append)
    with locks.hold(client, MINE, say=said.append):
        assert locks.inspect(client).run == "mine-1"
    assert said[0].startswith("taking over a stale lock: run dead-1 of somebody until ")


HOLDER = """
import os, signal, sys
from made_targets import target_of
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.models.target import StackState
from chamiperf_ci.steps.lock import Claim, hold
state = StackState.model_validate_json(open("state.json").read())
with Chamicore(target_of(state)) as client, hold(client, Claim(sys.argv[1], "somebody"), say=print):
    {then}
"""


def holder(stack, folder, run, then, *, within=()):
    """A process that holds the lock of a stack and does `then`; returns what it said."""
    (folder / "state.json").write_text(stack.model_dump_json(), encoding="utf-8")
    command = [*within, sys.executable, "-c", HOLDER.format(then=then), run]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    return subprocess.run(command, check=False, env=environment, cwd=folder, capture_output=True, text=True)


def test_the_lock_of_a_process_that_died_here_is_taken_over_at_once(client, embedded_stack, said, tmp_path):
    holder(embedded_stack, tmp_path, "dead-1", "os.kill(os.getpid(), signal.SIGKILL)")
    assert locks.shown(locks.inspect(client)).endswith(" UTC, given up: the next command takes it over")
    with locks.hold(client, MINE, say=said.append):
        assert locks.inspect(client).run == "mine-1"
    assert said[0].startswith("taking over the lock of a process that died: run dead-1 of somebody until ")


@pytest.mark.skipif(
    subprocess.run([*APART, "true"], check=False, capture_output=True).returncode != 0, reason="needs namespaces"
)
def test_a_container_that_cannot_see_the_holder_does_not_take_it_for_dead(client, embedded_stack, said, tmp_path):
    with locks.hold(client, MINE, say=said.append):
        other = holder(embedded_stack, tmp_path, "other-1", "pass", within=APART)
        assert "StackLocked: the stack is in use: run mine-1 of me" in other.stderr
        assert locks.inspect(client).run == "mine-1"


def test_a_lock_of_another_machine_is_not_taken_for_dead(client, said):
    locks.acquire(client, Claim("other-1", "somebody", process="elsewhere some-boot 1 1"), say=said.append)
    with pytest.raises(StackLocked), locks.hold(client, MINE, say=said.append):
        pass


def test_breaking_a_lock_names_whom_it_breaks(client, said):
    locks.acquire(client, OTHER, say=said.append)
    with locks.hold(client, Claim("mine-1", "me", break_lock=True), say=said.append):
        assert locks.inspect(client).run == "mine-1"
    assert said[0].startswith("breaking the lock of run other-1 of somebody until ")


def test_a_holder_that_looks_sees_at_once_who_has_taken_the_lock(client, said):
    with locks.hold(client, MINE, say=said.append) as held:
        assert held.taken_by() == ""
        locks.acquire(client, Claim("other-1", "somebody", break_lock=True), say=said.append)
        assert held.taken_by().startswith("run other-1 of somebody until ")
    locks.release(client, "other-1")


def test_a_lock_that_was_broken_and_given_back_is_seen_as_well(client, said):
    with locks.hold(client, MINE, say=said.append) as held:
        locks.acquire(client, Claim("other-1", "somebody", break_lock=True), say=said.append)
        locks.release(client, "other-1")
        assert held.taken_by() == "nobody"


def _comes(what):
    """Whether something becomes true within a minute."""
    end = time.monotonic() + 60
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    return what()


def test_the_holder_puts_the_expiry_off_and_notices_when_it_lost_the_lock(client, said):
    with locks.hold(client, Claim("mine-1", "me", life=timedelta(seconds=0.6)), say=said.append) as held:
        first = locks.inspect(client).expires
        assert _comes(lambda: locks.inspect(client).expires > first)
        locks.acquire(client, Claim("other-1", "somebody", break_lock=True), say=said.append)
        assert _comes(lambda: held.lost)
    assert held.lost.startswith("run other-1 of somebody until ")
    assert locks.inspect(client).run == "other-1"


def test_a_step_does_not_shorten_the_lock_of_its_pipeline(client, said, monkeypatch):
    pipeline = locks.acquire(client, Claim("mine-1", "me", life=timedelta(hours=6)), say=said.append)
    put_off, send = threading.Event(), client.send

    def noting(method, *arguments, **more):
        answer = send(method, *arguments, **more)
        if method == "PUT":
            put_off.set()
        return answer

    monkeypatch.setattr(client, "send", noting)
    with locks.hold(client, Claim("mine-1", "me", life=timedelta(seconds=0.6)), say=said.append):
        assert put_off.wait(60)
        assert abs(locks.inspect(client).expires - pipeline.expires) < timedelta(seconds=1)
    locks.release(client, "mine-1")


def test_a_lock_that_nobody_can_read_is_taken_over_and_said(client, said):
    shape = client.dialect.objects["lock"]
    client.send("POST", shape.service, shape.path, {"name": shape.key, "tags": {"run": "x"}})
    with locks.hold(client, MINE, say=said.append):
        pass
    assert said == ["taking over a lock that nobody can read"]


def test_a_stack_without_groups_is_used_unlocked_and_that_is_said(said):
    with serving(Reply(404)) as server:
        stack = target(services={Service.SMD: server.url})
        with Chamicore(stack) as client, locks.hold(client, MINE, say=said.append):
            pass
    assert said == ["this stack has no groups: it cannot be locked, so make sure that nobody else measures on it"]


@pytest.mark.parametrize("is_stale", [False, True], ids=["a free stack", "a stale lock"])
def test_of_two_runs_at_once_one_gets(is_stale, client, embedded_stack):
    if is_stale:
        locks.acquire(client, Claim("dead-1", "somebody", life=timedelta(seconds=-60)), say=print)
    together = threading.Barrier(2)

    def take(claim):
        with Chamicore(target_of(embedded_stack)) as own:
            locks.inspect(own)
            together.wait()
            try:
                return locks.acquire(own, claim, say=print).run
            except StackLocked:
                return None

    with ThreadPoolExecutor(2) as pool:
        taken = [run for run in pool.map(take, (MINE, OTHER)) if run]
    assert taken == [locks.inspect(client).run]


def test_giving_back_somebody_elses_lock_leaves_it(client, said):
    locks.acquire(client, OTHER, say=said.append)
    assert (locks.release(client, "mine-1"), locks.inspect(client).run) == (False, "other-1")


def test_seed_honours_the_lock(client, embedded_stack, tmp_path):
    taken = locks.acquire(client, OTHER, say=print)
    done = command("seed", "--nodes", 1, "--shared-stack", cwd=tmp_path, state=embedded_stack)
    assert (done.returncode, done.stderr) == (
        3,
        (
            f"chamiperf: the stack is in use: run other-1 of somebody until {taken.expires:%Y-%m-%d %H:%M:%S} UTC "
            "(the group chamiperf-lock in SMD). Wait for it, or take it with --break-lock if that run is dead.\n"
        ),
    )


def test_the_command_acquires_shows_and_releases(client, embedded_stack, tmp_path):
    def lock(*arguments):
        done = command("lock", *arguments, cwd=tmp_path, state=embedded_stack, CHAMIPERF_LOCK_RUN="mine-1")
        assert done.returncode == 0, done.stderr
        return done.stdout

    del client
    assert lock("show") == "free\n"
    assert lock("acquire", "--for", "1h").startswith("run mine-1 of ")
    assert lock("show").startswith("run mine-1 of ")
    assert (lock("release"), lock("show")) == ("released\n", "free\n")
    assert lock("release") == "run mine-1 does not hold the lock\n"


def test_a_lock_under_a_name_of_nobodys_choice_says_how_to_give_it_back(client, embedded_stack, tmp_path):
    def lock(*arguments):
        return command("lock", *arguments, cwd=tmp_path, state=embedded_stack, GITHUB_RUN_ID="")

    taken = lock("acquire")
    run = locks.inspect(client).run
    give_back = f"chamiperf lock release --lock-run={run}`"
    assert give_back in taken.stderr
    refused = lock("release")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (3, "", 1)
    assert f"the lock is held by run {run} of " in refused.stderr
    assert give_back in refused.stderr
    named = lock("release", "--lock-run", "mine-1")
    assert named.returncode == 0
    assert named.stdout.startswith(f"run mine-1 does not hold the lock; it is held by run {run} of ")
    assert lock("release", "--lock-run", run).stdout == "released\n"


def test_the_cleanup_of_a_workflow_that_never_had_the_lock_is_fine(client, embedded_stack, tmp_path):
    locks.acquire(client, OTHER, say=print)
    done = command("lock", "release", cwd=tmp_path, state=embedded_stack, GITHUB_RUN_ID="77")
    assert (done.returncode, locks.inspect(client).run) == (0, OTHER.run)


def test_a_broken_lock_is_given_back_whosever_it_is(client, embedded_stack, tmp_path):
    locks.acquire(client, OTHER, say=print)
    done = command("lock", "release", "--break-lock", cwd=tmp_path, state=embedded_stack)
    assert (done.returncode, done.stdout, locks.inspect(client)) == (0, "released\n", None)


JOB = {
    "GITHUB_RUN_ID": "77",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_JOB": "measure",
    "GITHUB_REPOSITORY": "our/repository",
    "RUNNER_NAME": "runner 1",
}


def test_the_steps_of_a_job_share_a_lock_that_outlives_the_last_by_minutes(client, embedded_stack, tmp_path):
    command("lock", "acquire", cwd=tmp_path, state=embedded_stack, **JOB)
    found = locks.inspect(client)
    assert (found.run.startswith("77-2-measure-"), found.owner) == (True, "our/repository")
    assert found.expires < datetime.now(UTC) + timedelta(minutes=10)
    again = command("lock", "acquire", cwd=tmp_path, state=embedded_stack, **JOB)
    assert again.returncode == 0
    assert command("lock", "release", cwd=tmp_path, state=embedded_stack, **JOB).stdout == "released\n"


@pytest.mark.parametrize("other", [{"RUNNER_NAME": "runner 2"}, {"GITHUB_JOB": "other"}, {"GITHUB_RUN_ATTEMPT": "3"}])
def test_two_jobs_of_a_matrix_do_not_share_a_lock(other, client, embedded_stack, tmp_path):
    del client
    assert command("lock", "acquire", cwd=tmp_path, state=embedded_stack, **JOB).returncode == 0
    second = command("lock", "acquire", cwd=tmp_path, state=embedded_stack, **JOB | other)
    assert (second.returncode, "the stack is in use: run 77-2-measure-" in second.stderr) == (3, True)
    not_ours = command("lock", "release", cwd=tmp_path, state=embedded_stack, **JOB | other)
    assert "does not hold the lock" in not_ours.stdout


def test_each_step_of_a_job_puts_the_expiry_off(client, said):
    first = locks.acquire(client, Claim("mine-1", "me", life=timedelta(seconds=30)), say=said.append)
    with locks.hold(client, MINE, say=said.append):
        pass
    assert locks.inspect(client).expires > first.expires + timedelta(minutes=5)


def test_a_lock_is_taken_in_bounded_time_from_a_stack_that_answers_slowly(said, monkeypatch):
    monkeypatch.setattr(locks, "_LONGEST_S", 0.0)
    with serving(Reply(409)) as server, Chamicore(target(services={Service.SMD: server.url})) as client:
        monkeypatch.setattr(locks, "_read", lambda _client: None)
        with pytest.raises(UnexpectedAnswer):
            locks.acquire(client, MINE, say=said.append)
        assert len(server.asked) < 5


def test_load_honours_the_lock(client, embedded_stack, tmp_path):
    assert command("seed", "--nodes", 1, "--shared-stack", cwd=tmp_path, state=embedded_stack).returncode == 0
    locks.acquire(client, OTHER, say=print)
    done = command("load", "--profile", "demo", cwd=tmp_path, state=embedded_stack)
    client.delete(client.dialect.objects["lock"], "chamiperf-lock")
    assert (
        done.returncode,
        done.stderr.splitlines()[-1].startswith("chamiperf: the stack is in use: run other-1 of"),
    ) == (
        3,
        True,
    )
    assert not (tmp_path / "out" / "runs").exists()
    assert command("seed", "--remove", cwd=tmp_path, state=embedded_stack).returncode == 0
