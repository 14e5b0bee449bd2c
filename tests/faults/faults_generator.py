"""The generator is starved, frozen, killed, out of memory, or is no k6 at all."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from fault import Theme
from fault_stage import LONG
from faults_baselines import judge, repeats
from faults_stack import JUDGED
from made_runs import made_run

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.k6 import find_k6
from chamiperf_ci.models.faults import Latency
from chamiperf_ci.models.run import Run

GENERATOR = Theme("generator")
CROWD = 40
LITTLE_MEMORY = "MemTotal: 8000000 kB\\nMemFree: 9000 kB\\nMemAvailable: 9000 kB\\nBuffers: 0 kB\\nCached: 0 kB\\n"
_SHAREFUL = "MemTotal: 8000000 kB\nMemFree: 6000000 kB\nMemAvailable: 6000000 kB\nBuffers: 0 kB\nCached: 0 kB\n"


def k6_as(stage, body):
    """Have the commands run a shell script in k6's place; it answers to `version` as k6 does."""
    script = stage.folder / "other-k6"
    script.write_text(f'#!/bin/sh\nk6={find_k6().path}\n[ "$1" = version ] && exec "$k6" version\n{body}\n')
    script.chmod(0o755)
    stage.variables["CHAMIPERF_K6"] = str(script)


IDLE = (
    "import os, sys; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)); os.execvp(sys.argv[1], sys.argv[1:])"
)
"""Becomes a program of the idle class."""
IDLE_ON_ONE_CORE = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); " + IDLE
"""The same, on one core alone."""
BESIDE = """
crowd=
for one in $(seq $CROWD); do timeout 150 sh -c 'while :; do :; done' & crowd="$crowd $!"; done
"$@"; code=$?
kill $crowd
exit $code
"""
"""A command beside many busy programs."""


def starve(stage):
    """Have k6 run on one core beside many busy programs, all of them in the idle class.

    They are of k6's own session: where the kernel divides the processor between sessions first
    (`kernel.sched_autogroup_enabled`), a crowd outside would take nothing from k6. Whoever is not of the idle class
    hardly feels them.
    """
    script = stage.folder / "beside"
    script.write_text(BESIDE, encoding="utf-8")
    k6_as(stage, f'CROWD={CROWD} exec {sys.executable} -c "{IDLE_ON_ONE_CORE}" sh {script} "$k6" "$@"')


MANY = ("--vus", 200, "--pace", "50ms")
"""4,000 requests/s, of which one processor makes some 3,000."""


def on_one_core(stage, beside, *, lower=0):
    """Have k6 run on one core alone, beside so many busy programs, and at a lower priority than they by so much."""
    script = stage.folder / "beside"
    script.write_text(BESIDE, encoding="utf-8")
    core = min(os.sched_getaffinity(0))
    k6_as(stage, f'CROWD={beside} exec nice -n 9 taskset -c {core} sh {script} nice -n {lower} "$k6" "$@"')


@contextmanager
def busy(programs):
    """Many programs of the idle class on all cores; whoever is not of that class hardly feels them."""
    loop = ["sh", "-c", "while :; do :; done"]
    crowded = [subprocess.Popen([sys.executable, "-c", IDLE, *loop]) for _ in range(programs)]
    try:
        yield
    finally:
        for each in crowded:
            each.kill()
            each.wait()


@contextmanager
def frozen(k6, *, every_s, for_s):
    """Stop k6 for a part of each while, as a quota on its container's processor time does."""
    over = threading.Event()

    def pulse():
        while not over.wait(every_s - for_s):
            try:
                k6.send_signal(signal.SIGSTOP)
                over.wait(for_s)
                k6.send_signal(signal.SIGCONT)
            except psutil.NoSuchProcess:
                return

    thread = threading.Thread(target=pulse)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def load_with_pauses(stage, *arguments, every_s, for_s):
    """A load whose k6, or one of several, stands still for a part of each while."""
    with stage.loading(*arguments) as (process, k6), frozen(k6, every_s=every_s, for_s=for_s):
        process.wait(timeout=120)


@GENERATOR.row(
    "k6 starved by other programs",
    ends="load 3, compare 3", word="invalid", reasons="generator-saturated", kept=JUDGED,
)  # fmt: skip
def starved(stage):
    starve(stage)
    stage.load()
    stage.compare()


@GENERATOR.row(
    "k6 at the lowest priority, on a processor that another program keeps busy",
    ends="load 3, compare 3", word="invalid", reasons="generator-saturated", kept=JUDGED,
)  # fmt: skip
def of_lowest_priority(stage):
    with_little_of_one_core(stage, 1, lower=10)


@GENERATOR.row(
    "k6 kept to one processor, which four other programs share",
    ends="load 3, compare 3", word="invalid", reasons="generator-saturated", kept=JUDGED,
)  # fmt: skip
def on_one_processor(stage):
    with_little_of_one_core(stage, 4)


def with_little_of_one_core(stage, beside, **priority):
    """Load and compare with k6 so; what else was at work is named."""
    on_one_core(stage, beside, **priority)
    stage.load(*MANY)
    # What one processor does is too little of a machine of ten to be the cause.
    if psutil.cpu_count() < 10:
        assert "other processes took" in named(shared_run(stage))
    stage.compare()


UNBOUNDED = ("--vus", 200, "--pace", "10ms")
"""20,000 requests/s: more than one processor of today makes."""


@GENERATOR.row(
    "k6 alone on one processor (taskset)",
    ends="load 3, compare 3", word="invalid", reasons="generator-saturated", kept=JUDGED,
)  # fmt: skip
def alone_on_one_processor(stage):
    k6_as(stage, f'exec taskset -c {min(os.sched_getaffinity(0))} "$k6" "$@"')
    stage.load(*UNBOUNDED)
    stage.compare()


@GENERATOR.row(
    "k6 alone on one processor, below a shell that waits for it",
    ends="load 3, compare 3", word="invalid", reasons="generator-saturated", kept=JUDGED,
)  # fmt: skip
def below_a_shell(stage):
    k6_as(stage, f'taskset -c {min(os.sched_getaffinity(0))} nice -n 5 "$k6" "$@"; exit $?')
    stage.load(*UNBOUNDED)
    stage.compare()


@GENERATOR.row(
    "k6 allowed one processor (GOMAXPROCS)",
    ends="load 3, compare 3", word="invalid", reasons="generator-saturated", kept=JUDGED,
)  # fmt: skip
def allowed_one_processor(stage):
    stage.load(*UNBOUNDED, GOMAXPROCS="1")
    stage.compare()


@contextmanager
def control_group(share):
    """A control group with a quota of so much of a processor; where none can be made the row is skipped."""
    mounts = [line.split()[1:4] for line in Path("/proc/mounts").read_text().splitlines()]
    folders = [Path(point) for point, kind, options in mounts if kind == "cgroup" and "cpu" in options.split(",")]
    folders += [
        Path(point)
        for point, kind, _ in mounts
        if kind == "cgroup2" and "cpu" in (Path(point) / "cgroup.subtree_control").read_text().split()
    ]
    if not folders:
        pytest.skip("no hierarchy of control groups limits processors here")
    folder = folders[0] / f"chamiperf-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        if (folder / "cpu.max").exists():
            (folder / "cpu.max").write_text(f"{int(share * 100_000)} 100000")
        else:
            (folder / "cpu.cfs_period_us").write_text("100000")
            (folder / "cpu.cfs_quota_us").write_text(str(int(share * 100_000)))
        yield folder
    finally:
        folder.rmdir()


@GENERATOR.row(
    "k6 in a control group with a quota of a quarter of a processor",
    ends="load 3, compare 3", word="invalid", reasons="generator-saturated", kept=JUDGED,
)  # fmt: skip
def in_a_control_group(stage):
    with control_group(0.25) as folder:
        k6_as(stage, f'[ "$2" = --quiet ] && echo $$ > {folder}/cgroup.procs; exec "$k6" "$@"')
        stage.load("--vus", 200, "--pace", "50ms")
    assert " CPU of 25 %" in named(shared_run(stage))
    stage.compare()


@GENERATOR.row(
    "k6 stopped 20 ms of every 40 ms, as by cpulimit",
    ends="load 3, compare 3", word="invalid", reasons="generator-saturated", kept=JUDGED,
)  # fmt: skip
def stopped_for_moments(stage):
    load_with_pauses(stage, every_s=0.04, for_s=0.02)
    assert "k6 was stopped " in named(shared_run(stage))
    stage.compare()


@GENERATOR.row(
    "k6 starved in the repeats",
    ends="load 0, compare 0, confirm 3", word="invalid", reasons="generator-saturated",
    kept=f"{JUDGED} runs/boot_storm.repeat-1.json",
)  # fmt: skip
def starved_in_repeats(stage):
    stage.load_in_peace()
    stage.compare()
    starve(stage)
    stage.confirm()


@GENERATOR.row(
    "three runs 50 % slower while other programs take most of the machine",
    ends="load 0|3, compare 3", word="invalid", reasons="machine-busy", kept=JUDGED,
)  # fmt: skip
def other_work(stage):
    with busy(2 * psutil.cpu_count()):
        stage.load()
    measured = files.read_document(stage.out / "runs" / "boot_storm.json", Run).machine.foreign_cpu_percent
    beside = {"factor": 1.5, "machine": made_run().machine.model_copy(update={"foreign_cpu_percent": measured})}
    stage.made_night(**beside)
    repeats(stage, **beside)
    judge(stage)


@GENERATOR.row(
    "k6 frozen 0.3 s of every 0.6 s, as by a container quota",
    ends="load 3, compare 3", word="invalid", reasons="generator-saturated", kept=JUDGED,
)  # fmt: skip
def quota(stage):
    load_with_pauses(stage, every_s=0.6, for_s=0.3)
    stage.compare()


def shared_run(stage):
    """The run of a load that two processes shared."""
    return files.read_document(stage.out / "runs" / "boot_storm.json", Run)


def named(run):
    """What the run says of its generators: which was late, and what else was at work."""
    return " ".join(each.text for each in run.problems)


@GENERATOR.row(
    "both k6 processes of a load starved by other programs",
    ends="load 3, compare 3", word="invalid", reasons="generator-saturated", kept=JUDGED,
)  # fmt: skip
def both_starved(stage):
    starve(stage)
    stage.load("--shards", 2)
    assert "shard 1 of 2: " in named(shared_run(stage))
    stage.compare()


@GENERATOR.row(
    "one of two k6 processes frozen 0.3 s of every 0.6 s",
    ends="load 3, compare 3", word="invalid", reasons="generator-saturated", kept=JUDGED,
)  # fmt: skip
def one_frozen(stage):
    load_with_pauses(stage, "--shards", 2, every_s=0.6, for_s=0.3)
    assert " of 2: " in named(shared_run(stage))
    stage.compare()


@GENERATOR.row(
    "k6 killed under load",
    ends="load 3, compare 3", word="invalid", reasons="generator-died", kept=JUDGED,
)  # fmt: skip
def killed(stage):
    with stage.loading() as (_, k6):
        time.sleep(1.5)
        k6.kill()
    stage.compare()


@GENERATOR.row(
    "one of two k6 processes killed under load",
    ends="load 3, compare 3", word="invalid", reasons="generator-died", kept=JUDGED,
)  # fmt: skip
def one_killed(stage):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (540, hard))
    try:
        with stage.loading("--vus", 60, "--pace", "500ms") as (process, k6):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            time.sleep(3)
            k6.kill()
            process.wait(timeout=170)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    stage.compare()


@GENERATOR.row(
    "k6 out of memory",
    ends="load 3, compare 3", says="k6 cannot check the services",
)  # fmt: skip
def out_of_memory(stage):
    k6_as(stage, 'ulimit -v 400000; exec "$k6" "$@"')
    stage.load()
    stage.compare()


@GENERATOR.row(
    "machine runs out of memory under load",
    ends="load 3, compare 3", word="invalid", reasons="out-of-memory incomplete", kept=JUDGED,
)  # fmt: skip
def machine_out_of_memory(stage):
    (stage.folder / "meminfo").write_text(_SHAREFUL)
    shrink = (
        "mount --bind meminfo /proc/meminfo; (while [ ! -e out/k6/boot_storm/k6.config ]; do sleep 0.1; done; sleep 2; "
        f"printf '{LITTLE_MEMORY}' > meminfo) &"
    )
    stage.apart("load", *stage.load_arguments(*LONG), mount=shrink)
    stage.compare()


@GENERATOR.row("too little memory for the load", ends="load 2", says="preflight: memory")
def too_little_memory(stage):
    (stage.folder / "meminfo").write_text(LITTLE_MEMORY.replace("\\n", "\n"))
    stage.apart("load", *stage.load_arguments(), mount="mount --bind meminfo /proc/meminfo")


@GENERATOR.row("too few open files allowed", ends="load 2", says="preflight: open files")
def too_few_files(stage):
    stage.apart("load", *stage.load_arguments(), mount="ulimit -n 400")


@GENERATOR.row("k6 crashes at start", ends="load 3, compare 3", says="k6 cannot check the services")
def crashes(stage):
    k6_as(stage, "exit 109")
    stage.load()
    stage.compare()


@GENERATOR.row(
    "k6 succeeds without a summary",
    ends="load 3, compare 3", word="invalid", reasons="generator-died", kept=JUDGED,
)  # fmt: skip
def no_summary(stage):
    k6_as(stage, '"$k6" "$@"; code=$?; rm -f out/k6/boot_storm/summary.partial; exit $code')
    stage.load()
    stage.compare()


@GENERATOR.row(
    "one of two k6 processes succeeds without a summary",
    ends="load 3, compare 3", word="invalid", reasons="generator-died", kept=JUDGED,
)  # fmt: skip
def one_without_summary(stage):
    k6_as(stage, '"$k6" "$@"; code=$?; rm -f out/k6/boot_storm/segment-1/summary.partial; exit $code')
    stage.load("--shards", 2)
    run = shared_run(stage)
    assert sum(each.requests for each in run.traffic) > 0
    assert any("shard 2 of 2 left no summary" in text for text in run.warnings), run.warnings
    stage.compare()


@GENERATOR.row(
    "k6 leaves half a summary",
    ends="load 3, compare 3", word="invalid", reasons="generator-died", kept=JUDGED,
)  # fmt: skip
def half_summary(stage):
    k6_as(stage, '"$k6" "$@"; code=$?; truncate -s 400 out/k6/boot_storm/summary.partial; exit $code')
    stage.load()
    stage.compare()


@GENERATOR.row("k6 not installed", ends="load 2, seed 2", says="there is no executable k6")
def absent(stage):
    stage.variables["CHAMIPERF_K6"] = "no-such-k6"
    stage.load()
    stage.seed("--nodes", 5, "--shared-stack")


@GENERATOR.row("another program named k6", ends="load 2", says="this is not k6")
def another(stage):
    stage.load("--k6", "/bin/true")


@GENERATOR.row(
    "arrivals find no free VU",
    ends="load 3, compare 3",
    word="invalid",
    reasons="dropped-iterations",
    kept="runs/mixed_boot_path.json verdict.json",
)
def dropped(stage):
    stage.breaks(Latency(service="bss", route="bootscript", latency_ms=4000))
    stage.load(
        "--scenario", "mixed_boot_path", "--profile", "demo", "--spike", 0, "--sustained", "3s", "--settle", "0.2s"
    )
    stage.compare()


@GENERATOR.row(
    "too little time for the load",
    ends="load 3, compare 3", word="invalid", reasons="not-run-budget", kept=JUDGED,
)  # fmt: skip
def no_time(stage):
    stage.load("--sustained", "20s", "--max-duration", "21s", "--cooldown", 0)
    stage.compare()
