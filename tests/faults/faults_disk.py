"""A disk that is full, a folder that cannot be written, a clock that jumps."""

import os
import time

from fault import Theme
from faults_stack import JUDGED

from chamiperf_ci.adapters import bounds

DISK = Theme("disk and clock")
WHEN_LOADED = "while [ ! -e out/k6/boot_storm/k6.config ]; do sleep 0.1; done; sleep 2"
FILL = "dd if=/dev/zero of=out/k6/filler bs=1k 2>/dev/null || :"
READ_ONLY = "mount --bind out out && mount -o remount,ro,bind out"


@DISK.row("disk full before the load", ends="load 2, seed 2", says="No space left")
def full(stage):
    tiny = "mount -t tmpfs -o size=64k tmpfs out; mkdir -p out/k6 out/runs; " + FILL
    stage.apart("load", *stage.load_arguments(), mount=tiny)
    stage.apart("seed", *stage.target, "--nodes", 5, "--shared-stack", mount=tiny)


@DISK.row("disk fills up under load", ends="load 2, compare 3", says="No space left")
def fills_up(stage):
    fill = f"mount -t tmpfs -o size=4m tmpfs out; ({WHEN_LOADED}; dd if=/dev/zero of=out/k6/filler bs=4k 2>/dev/null) &"
    stage.apart("load", *stage.load_arguments(), mount=fill)
    stage.compare()


@DISK.row(
    "disk full when the verdict is written",
    ends="load 0, compare 2",
    says="No space left",
    kept="runs/boot_storm.json",
)
def full_for_the_verdict(stage):
    stage.load_in_peace()
    stage.accept()
    fill = "cp -r out before; mount -t tmpfs -o size=1m tmpfs out; mkdir out/k6; cp -r before/runs out; "
    stage.apart("compare", mount=fill + FILL)


@DISK.row("output folder read-only", ends="load 2, smoke 2, seed 2, compare 2", says="Read-only file system")
def read_only(stage):
    stage.apart("load", *stage.load_arguments(), mount=READ_ONLY)
    stage.apart("smoke", *stage.target, mount=READ_ONLY)
    stage.apart("seed", *stage.target, "--nodes", 5, "--shared-stack", mount=READ_ONLY)
    stage.judge_made_night(mount=READ_ONLY)


@DISK.row("a file in place of the output folder", ends="load 2, smoke 2, seed 2", says="--out")
def a_file(stage):
    stage.out.write_text("")
    stage.load()
    stage.smoke()
    stage.seed("--nodes", 5, "--shared-stack")


@DISK.row("a folder in place of the run file", ends="load 2", says="--out")
def a_folder(stage):
    (stage.out / "runs" / "boot_storm.json").mkdir(parents=True)
    stage.load()


@DISK.row("a named pipe instead of a file", ends="compare 2, compare 2", says="nobody writes to this pipe")
def pipe(stage):
    os.mkfifo(stage.folder / "pipe")
    # Nobody waits long.
    stage.monkeypatch.setattr(bounds, "_PIPE_WAITS_S", 0.2)
    stage.made_night()
    stage.inside("compare", "--runs", "pipe")
    stage.inside("compare", "--runs", "night", "--baselines", "pipe")


NOBODY_READS = {"ends": "smoke 0, load 0|3, compare 0", "word": "pass|inconclusive", "kept": f"smoke.json {JUDGED}"}


@DISK.row("standard output full", **NOBODY_READS, says="standard output cannot be written whole")
def full_output(stage):
    _with_streams(stage, "exec >/dev/full")


@DISK.row("standard output and error full", **NOBODY_READS)
def full_streams(stage):
    _with_streams(stage, "exec >/dev/full 2>/dev/full")


@DISK.row("standard output and error closed", **NOBODY_READS)
def closed_streams(stage):
    _with_streams(stage, "exec >&- 2>&-")


def _with_streams(stage, became):
    stage.apart("smoke", *stage.target, mount=became)
    stage.apart("load", *stage.load_arguments(), mount=became)
    stage.judge_made_night(mount=became)


@DISK.row(
    "job summary and outputs full",
    ends="smoke 2, load 2, compare 2", word="pass", says="GITHUB_STEP_SUMMARY", kept="smoke.json verdict.json",
)  # fmt: skip
def full_summary(stage):
    full = dict.fromkeys(("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"), "/dev/full")
    stage.variables |= {"GITHUB_ACTIONS": "true", **full}
    stage.smoke()
    stage.load()
    stage.made_night()
    stage.inside("compare", "--runs", "night")


@DISK.row("history folder not writable", ends="load 0, history 2", kept="runs/boot_storm.json")
def no_history(stage):
    stage.load_in_peace()
    (stage.folder / "history").write_text("")
    stage.inside("history", "add", "--runs", "out/runs", "--history", "history")


@DISK.row("clock jumps an hour ahead under load", ends="load 0, compare 0", word="pass|inconclusive", kept=JUDGED)
def ahead(stage):
    jumping_load(stage, 3600)


@DISK.row(
    "clock jumps an hour back under load",
    ends="load 0|3, compare 0|3",
    word="pass|inconclusive|invalid",
    kept=JUDGED,
)
def back(stage):
    jumping_load(stage, -3600)


@DISK.row(
    "clock jumps an hour back before the repeats",
    ends="load 0, compare 0, confirm 3",
    word="pass|inconclusive",
    kept=JUDGED,
    says="behind the start of the run that is to be repeated",
)
def back_before_repeats(stage):
    stage.load_in_peace()
    stage.compare()
    (stage.folder / "jump").write_text("")
    stage.variables |= clock(stage, -3600)
    stage.confirm()


def jumping_load(stage, seconds):
    """A load whose clock jumps in its middle, made again while only the machine spoils it."""
    variables = clock(stage, seconds)
    for _ in range(8):
        before = len(stage.ends)
        with stage.loading(**variables):
            time.sleep(2)
            (stage.folder / "jump").write_text("")
        (stage.folder / "jump").unlink()
        if not stage.spoilt_by_the_machine():
            break
        del stage.ends[before:]
    stage.compare()


def clock(stage, seconds):
    """Variables of a Python whose wall clock is off by so much as soon as the file `jump` exists; k6's own is not."""
    folder = stage.folder / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import datetime, os, time\n"
        "real = time.time\n"
        f"def off(): return {seconds} if os.path.exists({str(stage.folder / 'jump')!r}) else 0\n"
        "time.time = lambda: real() + off()\n"
        "class Jumping(datetime.datetime):\n"
        "    @classmethod\n"
        "    def now(cls, tz=None): return cls.fromtimestamp(time.time(), tz)\n"
        "datetime.datetime = Jumping\n"
    )
    return {"PYTHONPATH": str(folder)}
