"""What changed since the last good night."""

from datetime import UTC, datetime

import pytest
from made_runs import made_run
from made_verdicts import made_row, made_scenario, made_verdict

from chamiperf_ci.models.target import Identity, Machine
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.models.vocabulary import RowVerdict
from chamiperf_ci.steps.alerts.findings import last_good, suspect_range
from chamiperf_ci.steps.history import entry_of

P99 = RowKey(scenario="boot_storm", endpoint="bootscript", metric="p99")
BEFORE = datetime(2026, 3, 22, tzinfo=UTC)


def built(**commits):
    return tuple(Identity(service=service, commit=commit) for service, commit in commits.items())


def entry(number, verdict=RowVerdict.PASS, **changes):
    run = made_run(number, **changes)
    row = made_row(verdict=verdict)
    judged = made_verdict((row,), scenarios=(made_scenario(runs=(run.run_id,)),))
    return entry_of(run, judged)[1]


def tonight(identities, **changes):
    return made_scenario(identities=identities, machine=made_run().machine, **changes)


def test_only_services_that_changed_are_named():
    good = entry(4, identities=built(bss="a", smd="b"))
    assert suspect_range(tonight(built(bss="c", smd="b")), good) == (
        "Changed since the last good night (2026-03-06):",
        "bss: a to c",
    )


def test_without_a_change_the_machine_is_to_be_looked_at():
    good = entry(4, identities=built(bss="a"))
    assert suspect_range(tonight(built(bss="a")), good) == (
        "No service changed since the last good night (2026-03-06): look at the machine.",
    )


def test_a_machine_that_changed_is_named_where_no_service_did():
    old = Machine(cores=8, memory_gib=32, cpu_model="Model A", kernel="6.0", load_average=0.2)
    good = entry(4, identities=built(bss="a"), machine=old)
    assert suspect_range(tonight(built(bss="a")), good)[1:] == ("machine, kernel: 6.0 to 6.1",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param({"image": "x", "version": "1"}, {"image": "y", "version": "1"}, "bss: x to y", id="image first"),
        pytest.param({"version": "1"}, {"version": "2"}, "bss: 1 to 2", id="version as opaque text"),
        pytest.param({"commit": "x"}, {"version": "2"}, "", id="nothing that both state"),
    ],
)
def test_a_build_is_told_by_the_best_that_both_sides_state(old, new, said):
    then = entry(4, identities=(Identity(service="bss", **old),))
    found = suspect_range(tonight((Identity(service="bss", **new),)), then)
    assert (said in found) if said else (found[-1] == "Not known, because it does not say its build: bss.")


def test_services_that_came_or_went_are_changes():
    good = entry(4, identities=built(bss="a"))
    assert suspect_range(tonight(built(smd="b")), good)[1:] == ("bss: gone", "smd: new")


def test_without_a_good_night_the_accepted_runs_are_compared_with():
    found = suspect_range(tonight(built(bss="c"), baseline_identities=built(bss="a")), None)
    assert found == ("Changed since the accepted runs (no good night is kept):", "bss: a to c")


def test_without_either_nothing_is_claimed():
    assert suspect_range(tonight(built(bss="c")), None)[0].endswith("so what changed is not known.")


@pytest.mark.parametrize("verdict", [RowVerdict.REGRESSION, RowVerdict.INCONCLUSIVE, RowVerdict.INVALID])
def test_a_night_that_did_not_show_the_row_to_be_good_is_not_the_last_good_one(verdict):
    nights = [entry(3), entry(4, verdict)]
    found = last_good(nights, "boot_storm", [P99], before=BEFORE)
    assert found is not None
    assert found.started_at.day == 5


def test_tonight_is_not_its_own_last_good_night():
    assert last_good([entry(3)], "boot_storm", [P99], before=entry(3).started_at) is None


def test_a_night_of_another_scenario_is_not_asked():
    assert last_good([entry(3, scenario="auth_under_load")], "boot_storm", [P99], before=BEFORE) is None
