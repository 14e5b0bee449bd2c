"""The stack dies, hangs, answers slowly, lies, restarts, forgets."""

import json
import os
import signal
import time
from pathlib import Path

from fault import Theme
from fault_between import between, cut_off, page
from fault_stage import LONG, kept_from
from scripted_server import Reply, serving

from chamicore_standin import lifecycle
from chamiperf_ci.models.faults import Errors, Latency, LoseSync, PoolExhaustion, ReadinessDown, Stall, SwapScripts

STACK = Theme("stack")
RUN = "runs/boot_storm.json"
JUDGED = f"{RUN} verdict.json"


def kill(state, name):
    """Kill every process of a service."""
    for victim in next(service.processes for service in state.services if service.name == name):
        os.kill(victim.pid, signal.SIGKILL)


def judged_load(stage, *arguments):
    """A load that the machine did not spoil, and its verdict."""
    stage.load_in_peace(*arguments)
    stage.compare()


@STACK.row("nothing (control)", ends="load 0, compare 0", word="pass|inconclusive", kept=JUDGED)
def nothing(stage):
    judged_load(stage)


# It dies


@STACK.row("bss killed under load", ends="load 3, compare 3", word="invalid", reasons="stack-unreachable", kept=JUDGED)
def dies(stage):
    state = stage.own_stack()
    with stage.loading():
        time.sleep(1.5)
        kill(state, "bss")
    stage.compare()


@STACK.row("stack down before the load", ends="load 3, smoke 1", says="no answer", kept="smoke.json")
def gone(stage):
    state = stage.own_stack()
    lifecycle.down(Path(state.state_dir))
    stage.instead("bss", state.url("bss"))
    stage.load()
    stage.smoke()


@STACK.row("smd killed during seeding", ends="seed 3, load 3", kept="seed.json")
def dies_while_seeded(stage):
    state = stage.own_stack(nodes=0)
    with stage.running("seed", *stage.target, "--nodes", 5000) as process:
        while not (stage.out / "seed.json").exists():
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(1)
        kill(state, "smd")
    stage.own_seed_file = stage.out / "seed.json"
    stage.load()


@STACK.row(
    "stack restarted under load",
    ends="load 0|3, compare 1|3", word="target missed|invalid", perhaps="stack-unreachable", kept=JUDGED,
)  # fmt: skip
def restarts(stage):
    state = stage.own_stack()
    with stage.loading("--sustained", "6s"):
        time.sleep(2)
        lifecycle.restart(Path(state.state_dir))
    stage.compare()


# It hangs


@STACK.row(
    "bss hangs under load",
    ends="load 3, compare 3", word="invalid", reasons="brake-failures incomplete", kept=JUDGED,
)  # fmt: skip
def hangs(stage):
    stage.breaks(Stall(service="bss", stall_s=600, every_s=600))
    stage.load(*LONG, "--request-timeout", "500ms", "--brake-after", "2s")
    stage.compare()


@STACK.row("bss accepts connections and never answers", ends="load 3, smoke 1", says="no answer", kept="smoke.json")
def mute(stage):
    with serving(Reply(hang=True)) as silent:
        stage.instead("bss", silent.url)
        stage.load()
        stage.smoke("--deadline", "3s")


@STACK.row(
    "bss not ready under load",
    ends="load 3, compare 3", word="invalid", reasons="brake-readiness incomplete", kept=JUDGED,
)  # fmt: skip
def not_ready(stage):
    stage.breaks(ReadinessDown(service="bss", seconds=120))
    stage.load(*LONG, "--brake-after", "2s")
    stage.compare()


@STACK.row(
    "bss not ready after the load",
    ends="load 3, compare 3", word="invalid", reasons="stack-unreachable", kept=JUDGED,
)  # fmt: skip
def not_ready_afterwards(stage):
    stage.breaks(ReadinessDown(service="bss", seconds=60))
    stage.load()
    stage.compare()


# It answers slowly: the one fault that a slow verdict is for


@STACK.row(
    "bss 200 ms slower in three runs",
    ends="load 0, compare 3, confirm 1", word="regression", reasons="slower-in-all-runs",
    kept=f"{JUDGED} runs/boot_storm.repeat-1.json runs/boot_storm.repeat-2.json", by_the_service=True,
)  # fmt: skip
def slow(stage):
    stage.breaks(Latency(service="bss", route="bootscript", latency_ms=200))
    stage.load_in_peace("--sustained", "4s")
    stage.compare()
    stage.confirm_in_peace()


@STACK.row(
    "bss 200 ms slower in one run",
    ends="load 0, compare 3", word="not decided", reasons="suspect-not-repeated", kept=JUDGED, by_the_service=True,
)  # fmt: skip
def slow_once(stage):
    stage.breaks(Latency(service="bss", route="bootscript", latency_ms=200))
    judged_load(stage, "--sustained", "4s")


@STACK.row(
    "bss waits 5.5 s for a pool connection",
    ends="load 0, compare 1", word="target missed", kept=JUDGED, by_the_service=True,
)  # fmt: skip
def pool(stage):
    stage.breaks(PoolExhaustion(service="bss", wait_ms=5500))
    judged_load(stage, "--vus", 100, "--sustained", "8s")


# It fails


@STACK.row(
    "every boot script a 500",
    ends="load 3, compare 3", word="invalid", reasons="brake-failures incomplete", kept=JUDGED,
)  # fmt: skip
def fails(stage):
    stage.breaks(Errors(service="bss", route="bootscript", rate=1.0, error="500"))
    stage.load(*LONG, "--brake-after", "2s")
    stage.compare()


@STACK.row(
    "a third of the boot scripts a 503",
    ends="load 0, compare 1", word="target missed", reasons="error-burst", kept=JUDGED,
)  # fmt: skip
def fails_partly(stage):
    stage.breaks(Errors(service="bss", route="bootscript", rate=0.33))
    judged_load(stage)


@STACK.row(
    "a third of the connections reset",
    ends="load 0, compare 1", word="target missed", reasons="error-burst", kept=JUDGED,
)  # fmt: skip
def resets(stage):
    stage.breaks(Errors(service="bss", route="bootscript", rate=0.33, error="reset"))
    judged_load(stage)


@STACK.row("a fifth of the answers a 429", ends="load 3, compare 3", word="invalid", reasons="throttled", kept=JUDGED)
def throttled(stage):
    stage.breaks(Errors(service="bss", route="bootscript", rate=0.2, error="429"))
    stage.load()
    stage.compare()


@STACK.row(
    "a fifth of the repeats' answers a 429",
    ends="load 0, compare 0, confirm 3", word="invalid", reasons="throttled",
    kept=f"{JUDGED} runs/boot_storm.repeat-1.json",
)  # fmt: skip
def throttled_repeats(stage):
    judged_load(stage)
    stage.breaks(Errors(service="bss", route="bootscript", rate=0.2, error="429"))
    stage.confirm()


@STACK.row("bss fails its smoke operation with a 500", ends="smoke 1", says="1 failed", kept="smoke.json")
def smoke_fails(stage):
    stage.breaks(Errors(service="bss", route="bootscript", rate=1.0, error="500"))
    stage.smoke()


@STACK.row("boot parameters cannot be created", ends="seed 3, load 2", says="not all is there", kept="seed.json")
def seeding_fails(stage):
    stage.own_stack(nodes=0)
    stage.breaks(Errors(service="bss", route="boot-params-create", rate=0.5, error="500"))
    stage.seed("--nodes", 50)
    stage.own_seed_file = stage.out / "seed.json"
    stage.load()


@STACK.row("boot parameters cannot be removed", ends="seed 0, seed 1", says="could not remove", kept="seed.json")
def removal_fails(stage):
    stage.own_stack(nodes=0)
    stage.seed("--nodes", 20)
    stage.breaks(Errors(service="bss", route="boot-params-delete", rate=1.0, error="500"))
    stage.seed("--remove")


# It lies


@STACK.row(
    "every boot script another node's, with 200",
    ends="load 3, compare 3", word="invalid", reasons="incomplete", kept=JUDGED,
)  # fmt: skip
def swapped(stage):
    stage.breaks(SwapScripts(service="bss", share=1.0))
    judged_load(stage)


@STACK.row(
    "one boot script in fifty another node's, with 200",
    ends="load 0, compare 1", word="target missed", kept=JUDGED,
)  # fmt: skip
def swapped_rarely(stage):
    stage.breaks(SwapScripts(service="bss", share=0.02))
    judged_load(stage)


@STACK.row(
    "every user-data another node's, with 200",
    ends="load 3, compare 3", word="invalid", reasons="incomplete",
    kept="runs/cloud_init_storm.json verdict.json",
)  # fmt: skip
def swapped_user_data(stage):
    stage.breaks(SwapScripts(service="cloud-init", share=1.0))
    judged_load(stage, "--scenario", "cloud_init_storm")


@STACK.row(
    "other nodes' scripts during smoke and seed",
    ends="smoke 1, seed 3",
    kept=kept_from("seed", "smoke"),
)
def swapped_seeding(stage):
    stage.own_stack(nodes=5)
    stage.breaks(SwapScripts(service="bss", share=1.0))
    stage.smoke()
    stage.seed("--nodes", 20, "--shared-stack")


@STACK.row(
    "HTML with 200 for every boot script",
    ends="load 3, compare 3", word="invalid", reasons="incomplete", kept=JUDGED,
)  # fmt: skip
def portal(stage):
    with between(stage.state.url("bss"), page(200), only="bootscript") as url:
        stage.instead("bss", url)
        judged_load(stage)


@STACK.row(
    "truncated boot scripts",
    ends="load 3, compare 3", word="invalid", reasons="incomplete", kept=JUDGED,
)  # fmt: skip
def halves(stage):
    with between(stage.state.url("bss"), cut_off, only="bootscript") as url:
        stage.instead("bss", url)
        judged_load(stage)


@STACK.row("smd's lists omit half of the components", ends="seed 3, load 2", says="not all is there", kept="seed.json")
def short_lists(stage):
    def halve(_path, said):
        content = json.loads(said.body)
        if isinstance(content.get("items"), list):
            content["items"] = content["items"][::2]
        return said.with_body(json.dumps(content).encode())

    stage.own_stack()
    with between(stage.state.url("smd"), halve, only="/State/Components") as url:
        stage.instead("smd", url)
        stage.seed("--nodes", 80, "--shared-stack")
        stage.own_seed_file = stage.out / "seed.json"
        stage.load()


@STACK.row("smd answers with HTML", ends="load 3, seed 3, smoke 1", kept="smoke.json")
def smd_portal(stage):
    with between(stage.state.url("smd"), page(200)) as url:
        stage.instead("smd", url)
        stage.load()
        stage.seed("--nodes", 80, "--shared-stack")
        stage.smoke()


@STACK.row(
    "bss redirects to an unlisted host",
    ends="load 2, smoke 2",
    says="is not allowed",
    kept="smoke.json",
)
def redirects(stage):
    with serving(Reply(307, headers={"Location": "http://prod.example/"})) as server:
        stage.instead("bss", server.url)
        stage.load()
        stage.smoke()


# It forgets


@STACK.row(
    "bss lost ten nodes",
    ends="load 0, compare 1", word="target missed", reasons="error-burst", kept=JUDGED,
)  # fmt: skip
def forgets(stage):
    stage.breaks(LoseSync(service="bss", count=10))
    judged_load(stage)
    (run,) = stage.observed().runs
    assert {scalar.name: scalar.value for scalar in run.scalars}["nodes never served"] == 10


@STACK.row("stack empty again after seeding", ends="load 2", says="is not in the stack")
def empty(stage):
    seeded = stage.seed_file
    stage.own_stack(nodes=0)
    stage.own_seed_file = seeded
    stage.load()


@STACK.row("stack of another environment", ends="load 2", says="the seed file is of embedded")
def another(stage):
    stage.load("--environment", "lab")


BOTH = ("--scenario", "cloud_init_storm", "--scenario", "boot_storm", "--pause", "0.1s")


@STACK.row(
    "cloud-init never deployed",
    ends="load 3, compare 0|3", word="pass|inconclusive|invalid", reasons="not-possible",
    kept=f"{JUDGED} runs/cloud_init_storm.json",
)  # fmt: skip
def never_there(stage):
    stage.instead("cloud-init", "")
    stage.load(*BOTH)
    stage.accept(scenarios=("boot_storm",))
    stage.compare()


@STACK.row(
    "cloud-init no longer deployed",
    ends="load 3, compare 3", word="invalid", reasons="not-possible", kept=f"{JUDGED} runs/cloud_init_storm.json",
)  # fmt: skip
def not_there_any_more(stage):
    stage.instead("cloud-init", "")
    stage.load(*BOTH)
    stage.compare()
