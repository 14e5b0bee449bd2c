"""What a verdict is made of is missing, damaged, newer, or of other circumstances."""

import json
from datetime import timedelta

from fault import Theme
from made_runs import made_run, shipped_baselines

from chamiperf_ci.adapters import files
from chamiperf_ci.models.run import RunKind, RunProblem
from chamiperf_ci.models.vocabulary import RunReason

BASELINES = Theme("baselines and history")
REFUSED = {"ends": "compare 2"}
INVALID = {"ends": "compare 3", "word": "invalid", "kept": "verdict.json"}


def judge(stage, *arguments):
    """Judge the made night."""
    stage.inside("compare", "--runs", "night", *arguments)


def damage(stage, name, change):
    """Write a file anew, its text changed."""
    path = stage.folder / name
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


@BASELINES.row("baselines.json missing", **REFUSED, says="the file does not exist")
def absent(stage):
    stage.made_night()
    (stage.folder / "baselines.json").unlink()
    judge(stage)


@BASELINES.row("baselines.json truncated", **REFUSED, says="not valid JSON")
def half(stage):
    stage.made_night()
    damage(stage, "baselines.json", lambda text: text[: len(text) // 2])
    judge(stage)


@BASELINES.row("baselines.json of a newer version", **REFUSED, says="schema version 99 is not known")
def newer(stage):
    stage.made_night()
    damage(stage, "baselines.json", lambda text: text.replace('"schema_version": 1', '"schema_version": 99', 1))
    judge(stage)


@BASELINES.row("baselines.json empty", **REFUSED, says="not valid JSON")
def empty(stage):
    stage.made_night()
    damage(stage, "baselines.json", lambda _text: "")
    judge(stage)


@BASELINES.row("run file truncated", **REFUSED, says="not valid JSON")
def half_run(stage):
    stage.made_night()
    damage(stage, "night/boot_storm.json", lambda text: text[: len(text) // 2])
    judge(stage)


@BASELINES.row("NaN in the run file", **REFUSED, says="NaN is not a number")
def nan(stage):
    stage.made_night()
    damage(stage, "night/boot_storm.json", lambda text: text.replace('"seconds": 30.0', '"seconds": NaN', 1))
    judge(stage)


@BASELINES.row("windows with negative times", **INVALID, reasons="not-a-quantity")
def negative(stage):
    night = stage.made_night()
    (series,) = night.series
    windows = tuple(w.model_copy(update={"quantiles": dict.fromkeys(w.quantiles, -1.0)}) for w in series.windows)
    phases = {
        name: each.model_copy(update={"quantiles": dict.fromkeys(each.quantiles, -1.0)})
        for name, each in series.phases.items()
    }
    changed = series.model_copy(update={"windows": windows, "phases": phases})
    files.write_document(stage.folder / "night" / "boot_storm.json", night.model_copy(update={"series": (changed,)}))
    judge(stage)


@BASELINES.row("two nights in one folder", **REFUSED, says="needs exactly one run to judge")
def two(stage):
    stage.made_night()
    files.write_document(stage.folder / "night" / "other.json", made_run(21))
    judge(stage)


@BASELINES.row("no run in the folder", ends="compare 3", says="there is no run to judge")
def none(stage):
    stage.made_night()
    (stage.folder / "night" / "boot_storm.json").unlink()
    judge(stage)


@BASELINES.row("another k6 version than accepted", **INVALID, reasons="fingerprint-mismatch")
def other_k6(stage):
    stage.made_night(fingerprint={"k6_version": "0.58.0"})
    judge(stage)


@BASELINES.row("another machine than accepted, 50 % slower", **INVALID, reasons="fingerprint-mismatch")
def other_machine(stage):
    stage.made_night(fingerprint={"machine_class": "2c-4GiB"}, factor=1.5)
    judge(stage)


@BASELINES.row("nothing accepted in an old environment", **INVALID, reasons="no-baseline")
def unbased(stage):
    stage.made_night()
    files.write_document(stage.folder / "baselines.json", shipped_baselines())
    judge(stage)


@BASELINES.row("endpoint no longer measured", **INVALID, reasons="not-measured")
def vanished(stage):
    stage.made_night(endpoints=("renamed",))
    judge(stage)


def repeats(stage, *, minutes=20, **changes):
    """Two repeats beside the made night, each so long after what was before it."""
    night = files.read_document(stage.folder / "night" / "boot_storm.json", type(made_run()))
    for number in (1, 2):
        start = night.started_at + timedelta(minutes=15 + number * minutes)
        made = made_run(
            20 + number, noise=0.02, run_kind=RunKind.REPEAT, started_at=start, ended_at=start + timedelta(minutes=15),
            **changes,
        )  # fmt: skip
        files.write_document(stage.folder / "night" / f"boot_storm.repeat-{number}.json", made)


@BASELINES.row(
    "three runs 50 % slower, generator saturated",
    **INVALID,
    reasons="run-invalid generator-saturated",
)
def saturated(stage):
    spoilt = {"problems": (RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %"),), "factor": 1.5}
    stage.made_night(**spoilt)
    repeats(stage, **spoilt)
    judge(stage)


@BASELINES.row("three runs 50 % slower, machine busy", **INVALID, reasons="machine-busy")
def busy(stage):
    shared = made_run().machine.model_copy(update={"foreign_cpu_percent": 45.0})
    stage.made_night(factor=1.5, machine=shared)
    repeats(stage, factor=1.5, machine=shared)
    judge(stage)


@BASELINES.row("slow run, repeats saturated", **INVALID)
def saturated_repeats(stage):
    stage.made_night(factor=1.5)
    repeats(stage, factor=1.5, problems=(RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %"),))
    judge(stage)


@BASELINES.row(
    "slow run, repeats a day behind",
    ends="compare 0",
    word="inconclusive",
    kept="verdict.json",
)
def repeats_of_yesterday(stage):
    stage.made_night(factor=1.5)
    repeats(stage, factor=1.5, minutes=-24 * 60)
    judge(stage)


@BASELINES.row("slow run, repeats on another machine", ends="compare 0", word="inconclusive", kept="verdict.json")
def repeats_elsewhere(stage):
    stage.made_night(factor=1.5)
    repeats(stage, factor=1.5, fingerprint={"machine_class": "2c-4GiB"})
    judge(stage)


@BASELINES.row(
    "one bad night", ends="compare 0", word="inconclusive", reasons="suspect-not-repeated", kept="verdict.json"
)
def one_bad_night(stage):
    stage.made_night(factor=1.4)
    judge(stage)


@BASELINES.row(
    "damaged history file",
    ends="compare 0",
    word="pass",
    says="20260301T011700Z.boot_storm",
    kept="verdict.json",
)
def damaged_history(stage):
    stage.made_night()
    place = stage.folder / "history" / "lab" / "2026" / "03" / "20260301T011700Z.boot_storm.night.boot0001.json"
    place.parent.mkdir(parents=True)
    place.write_text('{"kind": "history", "schema_ver')
    judge(stage, "--history", "history")


@BASELINES.row("history is a file", ends="compare 2", says="the history cannot be read")
def no_history(stage):
    stage.made_night()
    (stage.folder / "history").write_text("")
    judge(stage, "--history", "history")


@BASELINES.row("verdict truncated", ends="comment 2, alert 2, report 2", says="not valid JSON")
def half_verdict(stage):
    hub = stage.github()
    stage.made_night()
    judge(stage)
    stage.ends.clear()
    text = (stage.out / "verdict.json").read_text()
    (stage.out / "verdict.json").unlink()
    (stage.folder / "half.json").write_text(text[: len(text) // 2])
    for name in ("comment", "alert", "report"):
        stage.inside(name, "--verdict", "half.json")
    assert (hub.comments, hub.issues) == ([], [])


@BASELINES.row("verdict of another file kind", ends="comment 2, alert 2", says="expected a verdict file")
def another_kind(stage):
    stage.github()
    (stage.folder / "other.json").write_text(json.dumps({"kind": "run", "schema_version": 1}))
    for name in ("comment", "alert"):
        stage.inside(name, "--verdict", "other.json")
