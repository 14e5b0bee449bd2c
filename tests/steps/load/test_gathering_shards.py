"""What several machines left of one load, put together: all there, or one lost, late, foreign or off the clock."""

import pytest
from made_loads import healthy, storm, summary, traffic
from made_runs import made_run

from chamiperf_ci.adapters import bounds
from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.plan import PlanIdentities, ScriptPlan
from chamiperf_ci.models.run import Merge, ObjectCount, RunProblem, ScriptClock, ScriptScalar, Shard
from chamiperf_ci.models.shard import ShardRun
from chamiperf_ci.models.target import CredentialKind, Service
from chamiperf_ci.models.vocabulary import Direction, RunReason
from chamiperf_ci.steps.load.gather import read_shards, whole, write_run
from chamiperf_ci.steps.load.volume import Work, plan_of

START = 1_770_000_000.0
LOAD = storm()
PLAN = ScriptPlan(
    scenario="boot_storm", profile="quick", urls={Service.BSS: "http://127.0.0.1:27778"},
    credential=CredentialKind.NONE, load=LOAD,
    identities=PlanIdentities(run_id="r2026a", nodes=100, network="198.18.0.0/15", written_run_id="w0001"),
)  # fmt: skip


GAINED = ScriptScalar(
    name="p95 gained", unit="%", direction=Direction.LOWER, value=1.0,
    merge=Merge.model_validate({"by": "change", "endpoint": "bootscript", "quantile": "p95", "from": "sustained",
                                "to": "sustained"}),
)  # fmt: skip


def shard(index, of=3, *, late_s=0.0, offset_s=0.0, plan=PLAN, problems=(), measured=True, generator=None, **fields):
    """A third of `storm()`, as one machine leaves it."""
    clock = ScriptClock(start_at=START, offset_s=offset_s, began_at=START + late_s, ended_at=START + 85)
    which = Shard(index=index, of=of)
    shown = {"max_vus": 67, "traffic": (traffic(2000),), **fields}
    part = summary(shard=which, clock=clock, **shown)
    run = made_run(
        plan=plan_of(LOAD, Work("a node", {Service.BSS: 1}), segments=of),
        fingerprint={"shards": of, "machine_class": "2c-8GiB"},
        problems=problems,
        complete=measured,
        generator=generator or healthy(),
        series=(),
    )
    return ShardRun(
        producer="chamiperf 0.2.0", shard=which, plan=plan, run=run, summary=part if measured else None
    )  # fmt: skip


def missing(run):
    """What the run says of shards that are no part of it."""
    return [each.text for each in run.problems if each.reason is RunReason.SHARD_MISSING]


def test_all_shards_are_one_valid_run_with_all_that_they_sent():
    run = whole([shard(2), shard(0), shard(1)])
    assert (run.problems, run.complete) == ((), True)
    assert sum(each.requests for each in run.traffic) == 6000
    assert [window.count for window in run.series[0].windows] == [1800] * 10
    assert [each.max_vus for each in run.phases if each.name == "spike"] == [201]
    assert (run.fingerprint.shards, run.generator.cores) == (3, 6)


def test_a_lost_shard_is_named_and_nothing_is_scaled_up_for_it():
    run = whole([shard(0), shard(2)])
    assert missing(run) == ["shard 2 of 3 is missing: it left no file"]
    assert (run.valid, run.complete) == (False, False)
    assert sum(each.requests for each in run.traffic) == 4000


def test_a_shard_that_died_is_named_with_why():
    died = shard(1, measured=False, problems=(RunProblem(reason=RunReason.GENERATOR_DIED, text="k6 was killed"),))
    run = whole([shard(0), died, shard(2)])
    assert missing(run) == ["shard 2 of 3 measured nothing: k6 was killed"]
    assert "shard 2 of 3: k6 was killed" in [each.text for each in run.problems]
    assert sum(each.requests for each in run.traffic) == 4000


# A window of `storm()` takes 6 s: a tenth of it is tolerated.
@pytest.mark.parametrize(("late_s", "valid"), [(0.59, True), (0.61, False), (40.0, False)])
def test_a_shard_that_began_too_late_for_its_windows_is_left_out(late_s, valid):
    run = whole([shard(0), shard(1, late_s=late_s), shard(2)])
    assert (run.valid, missing(run)) == (
        valid, [] if valid else [f"shard 2 of 3 began {late_s:.1f} s late; 0.6 s are tolerated"],
    )  # fmt: skip
    assert sum(each.requests for each in run.traffic) == (6000 if valid else 4000)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"load": storm(pace_s=2.0)}, "load.pace_s is 2.0, and 1.0"),
        ({"identities": PLAN.identities.model_copy(update={"written_run_id": "w0002"})}, "identities.written_run_id"),
        ({"urls": {Service.BSS: "http://127.0.0.2:27778"}}, "urls.bss"),
    ],
)
def test_a_shard_of_another_plan_is_named_with_the_difference(changes, place):
    run = whole([shard(0), shard(1), shard(2, plan=PLAN.model_copy(update=changes))])
    (text,) = missing(run)
    assert text.startswith("shard 3 of 3 is of another plan: ")
    assert place in text
    assert sum(each.requests for each in run.traffic) == 4000


def test_the_plan_of_most_shards_is_the_plan():
    other = PLAN.model_copy(update={"load": storm(pace_s=2.0)})
    run = whole([shard(0, plan=other), shard(1), shard(2)])
    assert missing(run)[0].startswith("shard 1 of 3 is of another plan: load.pace_s is 2.0, and 1.0")


def test_where_a_client_certificate_lies_is_each_machines_own_affair():
    tls = PLAN.tls.model_copy(update={"certificate_file": "/elsewhere.pem", "key_file": "/elsewhere.key"})
    assert whole([shard(0), shard(1), shard(2, plan=PLAN.model_copy(update={"tls": tls}))]).valid


def test_a_shard_of_another_number_of_shards_is_foreign():
    run = whole([shard(0), shard(1), shard(2), shard(1, of=4)])
    assert missing(run) == ["shard 2 of 4 is one of 4, and the others are of 3"]


@pytest.mark.parametrize("offset_s", [-1.4, 3.0])
def test_a_shard_whose_clock_is_off_is_left_out(offset_s):
    run = whole([shard(0), shard(1, offset_s=offset_s), shard(2)])
    assert missing(run) == [
        f"shard 2 of 3 has a clock that is off by {offset_s:+.1f} s; at most 1 s can be reckoned with"
    ]


def test_one_saturated_machine_spoils_the_run_by_its_name():
    tired = healthy(saturated=True, reasons=("VUs woke 90 ms late",), late_ms=90.0, tolerated_ms=40.0)
    run = whole([shard(0), shard(1, generator=tired), shard(2)])
    assert [each.reason for each in run.problems] == [RunReason.GENERATOR_SATURATED]
    said = "the load generator was the bottleneck in the sustained phase: shard 2 of 3: VUs woke 90 ms late"
    assert run.problems[0].text == said
    assert run.problems[0].measured == {"late_ms": 90.0, "tolerated_ms": 40.0}


def test_a_load_that_all_machines_together_do_not_reach_is_not_judged():
    few = [shard(index, max_vus=20) for index in range(3)]
    assert [each.reason for each in whole(few).problems] == [RunReason.LOAD_NOT_REACHED]


def test_what_is_left_is_worked_out_from_what_all_made_and_removed():
    made = [ObjectCount(kind="components", created=5, removed=gone, left=max(0, 5 - gone)) for gone in (0, 10, 5)]
    run = whole([shard(index, objects=(each,)) for index, each in enumerate(made)])
    assert [(each.kind, each.created, each.left) for each in run.objects] == [("components", 15, 0)]


def test_what_shards_left_is_kept_beside_the_run(tmp_path):
    files = []
    for index in (0, 2):
        files.append(tmp_path / "shards" / f"boot_storm.shard-{index + 1}-of-3.json")
        write_document(files[-1], shard(index, scalars=(GAINED,)))
    before = [each.read_bytes() for each in files]
    run, path = write_run(read_shards([tmp_path]), tmp_path)
    assert (path, run.valid) == (tmp_path / "runs" / "boot_storm.json", False)
    assert [each.read_bytes() for each in files] == before


def test_a_shard_that_is_given_twice_is_refused_with_both_files(tmp_path):
    for folder in ("a", "b"):
        write_document(tmp_path / folder / "boot_storm.shard-1-of-3.json", shard(0))
    with pytest.raises(ConfigurationError, match=r"shard 1 of 3 of boot_storm occurs twice .*/a/.*/b/"):
        read_shards([tmp_path])


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="there are no shard files"):
        read_shards([tmp_path])


def test_shards_are_looked_for_as_deep_as_a_download_holds_them_and_no_deeper(tmp_path):
    for job, folder in (("job-1", "a/b"), ("job-2", "out/shards"), ("job-3", "a/b/c/d")):
        (tmp_path / job / folder).mkdir(parents=True)
        write_document(tmp_path / job / folder / f"boot_storm.shard-{job[-1]}-of-3.json", shard(int(job[-1]) - 1))
    assert [each.shard.index for each in read_shards([tmp_path])] == [0, 1]


def test_a_folder_of_everything_is_not_searched_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds.files_below, "__kwdefaults__", {"most": 20})
    for number in range(21):
        (tmp_path / str(number)).mkdir()
    with pytest.raises(ConfigurationError, match="more than 20 folders"):
        read_shards([tmp_path])
    with pytest.raises(ConfigurationError, match="more than 20 folders"):
        FolderHistory(tmp_path).names()
