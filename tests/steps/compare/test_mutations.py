"""Whatever is wrong with a run or a baseline: no traceback, and no exit 0 without a word about what was lost.

Two thousand inputs, each valid but for one change, from fixed seeds: a failure names its seed.
"""

import json
import random
from datetime import timedelta

import pytest
from made_runs import accepting, made_run, shipped_baselines
from mutated import mutated
from said import facts_said

from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ExitCode, ToolkitError
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.verdict import Fact
from chamiperf_ci.models.vocabulary import FactWord, RowVerdict, TargetVerdict
from chamiperf_ci.steps import history
from chamiperf_ci.steps.compare.judge import NightInput, judge

ENDPOINTS = ("bootscript", "token")
NIGHT = made_run(20, noise=0.02, endpoints=ENDPOINTS)
SHIPPED = shipped_baselines()
# The rules of one scenario are as good as those of eight, and read in a tenth of the time.
OF_ONE = {name: rules for name, rules in SHIPPED.rules.scenarios.items() if name == "boot_storm"}
RULES = SHIPPED.model_copy(update={"rules": SHIPPED.rules.model_copy(update={"scenarios": OF_ONE})})
ACCEPTED = accepting(RULES, [made_run(n, noise=0.02, endpoints=ENDPOINTS) for n in range(5)])
DOCUMENTS = {"run": json.loads(files.dumps(NIGHT)), "baselines": json.loads(files.dumps(ACCEPTED))}
JUDGED = {RowVerdict.PASS, RowVerdict.REGRESSION, RowVerdict.IMPROVEMENT, RowVerdict.INCONCLUSIVE}
SEEN = {TargetVerdict.MET, TargetVerdict.MISSED, TargetVerdict.AT_THE_LIMIT}
MEASURED = ("windows", "traffic", "series", "phases")
CHUNK = 250


def concluded(run, baselines):
    runs = [files.parse_document(json.dumps(run), Run, where="run.json", remedy="Look.")]
    accepted = files.parse_document(json.dumps(baselines), Baselines, where="baselines.json", remedy="Look.")
    verdict = judge(NightInput(runs=runs, baselines=accepted)).verdict
    files.dumps(verdict)
    return verdict


def answers(verdict):
    """Everything that was judged, and everything that was said beside it."""
    judged = {(row.key.text, "row") for row in verdict.rows if row.compared and row.verdict in JUDGED}
    judged |= {(row.key.text, "target") for row in verdict.rows if row.target.verdict in SEEN}
    beside = [fact for each in verdict.scenarios for fact in (*each.warnings, *each.reported_differences)]
    return judged, {*facts_said((*verdict.warnings, *beside))}


@pytest.mark.parametrize(
    "first",
    [pytest.param(first, marks=() if first < 2 * CHUNK else pytest.mark.thorough) for first in range(0, 2_000, CHUNK)],
)
def test_one_change_is_refused_judged_or_said(first):
    judged_before, said_before = answers(concluded(**DOCUMENTS))
    for seed in range(first, first + CHUNK):
        luck = random.Random(seed)  # noqa: S311 - draws, not secrets
        which = "run" if luck.random() < 0.65 else "baselines"
        changed, what = mutated(DOCUMENTS[which], luck)
        case = f"seed {seed}: {which}: {what}"
        verdict = refusal = None
        try:
            verdict = concluded(**(DOCUMENTS | {which: changed}))
        except ToolkitError as error:
            refusal = error
        if verdict is None:
            assert refusal.exit_code in (ExitCode.CONFIGURATION, ExitCode.INVALID), case
            assert len(str(refusal).splitlines()) == 1, case
            continue
        if verdict.outcome.exit_code != 0 or verdict.outcome.word != "pass":
            continue
        judged, said = answers(verdict)
        assert judged_before <= judged or said - said_before, case
        if which == "run" and what.split()[0] == "drop" and any(name in what for name in MEASURED):
            assert said - said_before, case


def again(number, kind, hours):
    """A run of the same night, some hours later."""
    run = made_run(number, noise=0.02, endpoints=ENDPOINTS)
    begun = NIGHT.started_at + timedelta(hours=hours)
    ended = begun + timedelta(minutes=15)
    named = f"{run.run_id}{kind.value[:3]}{hours}"
    return run.model_copy(update={"run_id": named, "run_kind": kind, "started_at": begun, "ended_at": ended})


REPEATS = [again(21 + place, RunKind.REPEAT, 1 + place) for place in range(2)]
PAIRS = [
    again(30 + 2 * place + side, kind, 1 + 2 * place + side)
    for place in range(5)
    for side, kind in enumerate((RunKind.PAIR_OLD, RunKind.PAIR_NEW))
]
NIGHTS = [history.entry_of(made_run(number, noise=0.02, endpoints=ENDPOINTS)) for number in range(5, 19)]
SETS = {
    "repeats": {f"repeat {place}": json.loads(files.dumps(run)) for place, run in enumerate(REPEATS)},
    "pairs": {f"pair {place}": json.loads(files.dumps(run)) for place, run in enumerate(PAIRS)},
    "history": {name.path: json.loads(history.text_of(entry)) for name, entry in NIGHTS},
}


class Kept:
    """A history in memory: what its two questions answer is as FolderHistory has it."""

    def __init__(self, contents):
        self._contents = {path: json.dumps(content).encode() for path, content in contents.items()}

    def names(self):
        """All paths."""
        return tuple(self._contents)

    def read(self, paths):
        """Path and content of each."""
        return ((path, self._contents[path]) for path in paths)


def concluded_with(documents, kind):
    """The verdict on the night with more runs, or with nights before."""
    runs, past, warnings = [NIGHT], None, ()
    if kind == "history":
        reading = history.read(Kept(documents))
        past = history.past_of(reading.entries)
        warnings = tuple(Fact(word=FactWord.HISTORY, values={"text": problem}) for problem in reading.problems)
    else:
        runs += [files.parse_document(json.dumps(each), Run, where="x.json", remedy="") for each in documents.values()]
    verdict = judge(NightInput(runs=runs, baselines=ACCEPTED, past=past, warnings=warnings)).verdict
    files.dumps(verdict)
    return verdict


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize("seeds", [range(100), pytest.param(range(100, 300), marks=pytest.mark.thorough)], ids=str)
def test_one_change_in_what_stands_beside_the_night_is_refused_judged_or_said(kind, seeds):
    documents = SETS[kind]
    judged_before, said_before = answers(concluded_with(documents, kind))
    for seed in seeds:
        luck = random.Random(f"{kind} {seed}")  # noqa: S311 - draws, not secrets
        which = luck.choice(sorted(documents))
        changed, what = mutated(documents[which], luck)
        case = f"seed {seed}: {which}: {what}"
        verdict = refusal = None
        try:
            verdict = concluded_with(documents | {which: changed}, kind)
        except ToolkitError as error:
            refusal = error
        if verdict is None:
            assert refusal.exit_code in (ExitCode.CONFIGURATION, ExitCode.INVALID), case
            assert len(str(refusal).splitlines()) == 1, case
            continue
        if verdict.outcome.exit_code == 0 and verdict.outcome.word == "pass":
            judged, said = answers(verdict)
            assert judged_before <= judged or said - said_before, case


@pytest.mark.parametrize(
    ("field", "value"),
    [("count", True), ("count", "3000"), ("count", -1), ("count", 10**400), ("failed", 10**9), ("seconds", 1e300)],
)
def test_a_number_that_cannot_be_is_refused_with_its_place(field, value):
    run = json.loads(files.dumps(NIGHT))
    run["series"][0]["windows"][3][field] = value
    with pytest.raises(ToolkitError) as refused:
        concluded(run, DOCUMENTS["baselines"])
    assert "run.json" in str(refused.value)
    assert "window" in str(refused.value)


def test_a_run_that_ended_before_it_began_is_refused():
    run = DOCUMENTS["run"] | {"started_at": DOCUMENTS["run"]["ended_at"], "ended_at": DOCUMENTS["run"]["started_at"]}
    with pytest.raises(ToolkitError, match="before it began"):
        concluded(run, DOCUMENTS["baselines"])
