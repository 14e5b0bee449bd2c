"""What a proposal takes of a range of the history: the newest that fit, and a sentence for each that is left out."""

import pytest
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.models.run import RunKind, RunProblem
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.baselines.candidates import Override, from_run, select_runs

EMPTY = shipped_baselines()
SATURATED = RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %")
OTHER = {"machine_class": "2c-8GiB"}


def fitted(runs, baselines=EMPTY, *, replaces=False, overrule=()):
    found = select_runs([from_run(run, baselines) for run in runs], baselines, replaces=replaces, overrule=overrule)
    return [one.run_id for one in found.taken], found.skipped


def test_what_is_accepted_already_is_passed_over_with_a_line_each():
    baselines = accepting(EMPTY, [made_run(0), made_run(1)])
    taken, skipped = fitted([made_run(number) for number in range(4)], baselines)
    assert taken == ["boot0002", "boot0003"]
    assert skipped == (
        "run boot0000 of boot_storm is skipped: it is accepted already",
        "run boot0001 of boot_storm is skipped: it is accepted already",
    )


@pytest.mark.parametrize(
    ("unfit", "why", "kind"),
    [
        ({"problems": (SATURATED,)}, "generator-saturated: CPU 97 %", Override.INVALID),
        ({"complete": False}, "the load did not come to its planned end", Override.INCOMPLETE),
        ({"injected_faults": ("bss +6 ms",)}, "faults were injected: bss +6 ms", Override.FAULT),
    ],
)
def test_an_unfit_night_is_passed_over_unless_a_person_overrules(unfit, why, kind):
    runs = [made_run(0), made_run(1, **unfit)]
    assert fitted(runs) == (["boot0000"], (f"run boot0001 of boot_storm is skipped: {why}",))
    assert fitted(runs, overrule={kind}) == (["boot0000", "boot0001"], ())


def test_objections_to_the_whole_range_stay_for_the_person():
    baselines = accepting(EMPTY, [made_run(0)])
    runs = [
        made_run(1, fingerprint=OTHER),
        made_run(2, failed=60_000),
        made_run(3, run_kind=RunKind.DRILL),
    ]
    taken, skipped = fitted(runs, baselines)
    assert (sorted(taken), skipped) == (["boot0001", "boot0002", "boot0003"], ())


def test_of_more_nights_than_there_is_room_for_the_newest_are_taken():
    baselines = accepting(EMPTY, [made_run(number) for number in range(3)])
    taken, (*_, said) = fitted([made_run(number) for number in range(3, 8)], baselines)
    assert taken == ["boot0006", "boot0007"]
    assert said.startswith("3 runs of lab:boot_storm:full:")
    assert said.endswith(" are skipped: a baseline has up to 5, and the newest are taken")


def test_nights_made_otherwise_have_room_of_their_own_beside_a_full_baseline():
    baselines = accepting(EMPTY, [made_run(number) for number in range(5)])
    changed = [made_run(number, fingerprint=OTHER) for number in range(6, 9)]
    taken, (said,) = fitted([made_run(5), *changed], baselines)
    assert taken == ["boot0006", "boot0007", "boot0008"]
    assert said.endswith(" is skipped: its baseline has 5 already; --replace puts newer ones in their place")


def test_for_a_replacement_the_accepted_nights_are_candidates_as_well():
    baselines = accepting(EMPTY, [made_run(number) for number in range(5)])
    taken, _ = fitted([made_run(number) for number in range(7)], baselines, replaces=True)
    assert taken == [f"boot000{number}" for number in range(2, 7)]
