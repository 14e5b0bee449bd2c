"""Two at once, and cancelled: by Ctrl-C, as GitHub cancels, and by SIGKILL."""

import json
import signal
import time
from datetime import timedelta

from command_line import k6_of
from fault import Theme
from fault_stage import LONG
from faults_stack import JUDGED
from made_targets import target_of
from scripted_server import Reply, serving

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.steps import lock
from chamiperf_ci.steps.lock import Claim

CONCURRENCY = Theme("two at once, cancelled")
WHOLE = {"ends": "load 0|3, compare 0|3", "word": "pass|inconclusive|invalid"}
"""Of a load that went well: the shared machine may have spoilt it, and nothing else."""


def locked(stage, life):
    """Lock the stage's stack as somebody on another machine."""
    with Chamicore(target_of(stage.state)) as client:
        lock.acquire(client, Claim("other-1", "somebody", life=life), say=lambda _text: None)


@CONCURRENCY.row(
    "second load during a load",
    ends="load 3, load 0|3, compare 0|3",
    word="pass|inconclusive|invalid",
    says="the stack is in use",
    kept=JUDGED,
)
def second_load(stage):
    stage.own_stack()
    with stage.loading("--sustained", "8s"):
        stage.load("--out", "other")
    assert not list((stage.folder / "other").rglob("runs/*.json"))
    stage.compare()


@CONCURRENCY.row(
    "seeding during a load",
    ends="seed 3, load 0|3, compare 0|3",
    word="pass|inconclusive|invalid",
    says="the stack is in use",
    kept=JUDGED,
)
def seeding_beside(stage):
    stage.own_stack()
    with stage.loading("--sustained", "8s"):
        stage.seed("--nodes", 10, "--shared-stack", "--out", "other")
    stage.compare()


@CONCURRENCY.row(
    "lock broken by a second load",
    ends="load 0|3, load 3, compare 3",
    word="invalid",
    reasons="lock-lost",
    kept=JUDGED,
)
def broken_lock(stage):
    stage.own_stack()
    with stage.loading("--sustained", "15s"):
        stage.load("--out", "other", "--break-lock", "--sustained", "1s")
    stage.compare()


@CONCURRENCY.row("another machine holds the lock", ends="load 3, seed 3", says="the stack is in use")
def held(stage):
    stage.own_stack()
    locked(stage, timedelta(minutes=5))
    stage.load()
    stage.seed("--nodes", 10, "--shared-stack")


@CONCURRENCY.row("another machine died with the lock", **WHOLE, says="taking over a stale lock", kept=JUDGED)
def stale(stage):
    stage.own_stack()
    locked(stage, timedelta(seconds=-60))
    stage.load()
    stage.compare()


@CONCURRENCY.row(
    "a load on this machine died with the lock",
    ends="load -9, load 0|3, compare 0|3",
    word="pass|inconclusive|invalid",
    says="taking over the lock of a process that died",
    kept=JUDGED,
)
def died_with_it(stage):
    stage.own_stack()
    with stage.loading(*LONG) as (process, _):
        process.kill()
    stage.load()
    stage.compare()


@CONCURRENCY.row(
    "two verdicts written at once", ends="compare 0, compare 0", word="pass|inconclusive", kept="verdict.json"
)
def two_verdicts(stage):
    stage.made_night()
    with stage.running("compare", "--runs", "night"), stage.running("compare", "--runs", "night"):
        pass


# Cancelled


def interrupted_load(stage, number):
    """A load that is stopped by a signal after some seconds of it."""
    with stage.loading(*LONG) as (process, k6):
        time.sleep(3)
        process.send_signal(number)
        process.wait(timeout=60)
        k6.wait(timeout=10)
    stage.compare()


@CONCURRENCY.row("Ctrl-C under load", ends="load 3, compare 3", word="invalid", reasons="incomplete", kept=JUDGED)
def ctrl_c(stage):
    interrupted_load(stage, signal.SIGINT)


@CONCURRENCY.row("SIGTERM under load", ends="load 3, compare 3", word="invalid", reasons="incomplete", kept=JUDGED)
def terminated(stage):
    interrupted_load(stage, signal.SIGTERM)


@CONCURRENCY.row("SIGKILL under load", ends="load -9, compare 3")
def killed(stage):
    interrupted_load(stage, signal.SIGKILL)


@CONCURRENCY.row(
    "SIGINT, then SIGTERM under load, as GitHub cancels",
    ends="load 3, compare 3",
    word="invalid",
    reasons="incomplete",
    kept=JUDGED,
)
def cancelled(stage):
    with stage.loading(*LONG) as (process, _):
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    stage.compare()


def interrupted_seed(stage, number):
    """A seeding that is stopped by a signal in its middle, and a load on what it left."""
    stage.own_stack(nodes=0)
    with stage.running("seed", *stage.target, "--nodes", 5000) as process:
        while not (stage.out / "seed.json").exists():
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(number)
    stage.own_seed_file = stage.out / "seed.json"
    stage.load()
    assert not json.loads(stage.seed_file.read_text())["complete"]


@CONCURRENCY.row("Ctrl-C during seeding", ends="seed 3, load 2", says="seeding did not finish", kept="seed.json")
def ctrl_c_seed(stage):
    interrupted_seed(stage, signal.SIGINT)


@CONCURRENCY.row("SIGTERM during seeding", ends="seed 3, load 2", says="seeding did not finish", kept="seed.json")
def terminated_seed(stage):
    interrupted_seed(stage, signal.SIGTERM)


@CONCURRENCY.row("SIGKILL during seeding", ends="seed -9, load 2", says="seeding did not finish", kept="seed.json")
def killed_seed(stage):
    interrupted_seed(stage, signal.SIGKILL)


@CONCURRENCY.row(
    "SIGTERM during a confirmation",
    ends="load 0, compare 0, confirm 3",
    word="pass|inconclusive|invalid",
    reasons="incomplete",
    kept=f"{JUDGED} runs/boot_storm.repeat-1.json",
)
def terminated_confirm(stage):
    stage.load_in_peace()
    stage.compare()
    options = ("--verdict", "out/verdict.json", "--by", "repeats", "--min-gap", "0", "--scenario", "boot_storm")
    with stage.running("confirm", *stage.target, *options, "--seed-file", stage.seed_file) as process:
        k6_of(process)
        time.sleep(2)
        process.send_signal(signal.SIGTERM)


@CONCURRENCY.row("Ctrl-C during a smoke test", ends="smoke 3")
def ctrl_c_smoke(stage):
    interrupted_smoke(stage, signal.SIGINT)


@CONCURRENCY.row("SIGTERM during a smoke test", ends="smoke 3")
def terminated_smoke(stage):
    interrupted_smoke(stage, signal.SIGTERM)


def interrupted_smoke(stage, number):
    """A smoke test that is stopped while bss does not answer; the node that it made is gone afterwards."""
    stage.own_stack(nodes=0)
    with serving(Reply(hang=True)) as silent:
        stage.instead("bss", silent.url)
        with stage.running("smoke", *stage.target) as process, Chamicore(target_of(stage.state)) as client:
            shape = client.dialect.objects["component"]
            while not client.count(shape):
                assert process.poll() is None
                time.sleep(0.05)
            time.sleep(0.5)
            process.send_signal(number)
            process.wait(timeout=40)
            assert client.count(shape) == 0
