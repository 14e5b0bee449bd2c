"""Database statements that became much slower are named with their factor, and no others."""

import pytest
from made_runs import made_run

from chamiperf_ci.models.baselines import AcceptedStatement
from chamiperf_ci.models.run import Statement, StatementPoint
from chamiperf_ci.steps.compare.outcome import slower_statements
from chamiperf_ci.steps.compare.scenarios import runs_by_scenario

USUAL = {"lookup": 0.12, "insert": 0.4, "read": 1.0, "count": 3.0, "delete": 0.2}


def statement(name, mean_ms, calls=500, points=()):
    """A statement as a run has it."""
    return Statement(
        fingerprint=name,
        text=f"SELECT {name}",
        role="bss",
        database="bssdb",
        calls=calls,
        mean_ms=mean_ms,
        total_ms=calls * mean_ms,
        rows=calls,
        points=tuple(StatementPoint(at_s=at, calls=calls // 10 or 1, mean_ms=mean) for at, mean in enumerate(points)),
    )


class Baselines:
    """Accepted runs that took so long."""

    def __init__(self, *runs):
        self.runs = [
            type("Run", (), {"statements": [
                AcceptedStatement(fingerprint=name, typical_ms=ms, calls=500) for name, ms in run.items()
            ]}) for run in runs
        ]  # fmt: skip

    def accepted(self, _fingerprint):
        """The runs of any fingerprint."""
        return self if self.runs else None


def slower(now, *before, **changes):
    """What is said of a run against accepted ones."""
    statements = tuple(statement(name, ms, **changes) for name, ms in now.items())
    run = made_run(0).model_copy(update={"statements": statements})
    (scenario_runs,) = runs_by_scenario([run])
    return [(each.fingerprint, round(each.factor, 2)) for each in slower_statements(scenario_runs, Baselines(*before))]


def test_a_statement_that_lost_its_index_is_named_with_its_factor():
    assert slower({**USUAL, "lookup": 1.44}, USUAL, USUAL) == [("lookup", 12.0)]


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.4, 2.9])
def test_the_usual_scatter_is_not_named(factor):
    assert slower({**USUAL, "lookup": USUAL["lookup"] * factor}, USUAL) == []


def test_a_machine_on_which_everything_is_slower_has_no_slower_statement():
    assert slower({name: 6 * ms for name, ms in USUAL.items()}, USUAL) == []
    all_slower = {name: 3 * ms for name, ms in USUAL.items()}
    assert slower({**all_slower, "lookup": 30 * USUAL["lookup"]}, USUAL) == [("lookup", 30.0)]


def test_short_statements_that_waited_for_the_slow_one_are_not_named():
    before = {**USUAL, "tick": 0.02}
    assert slower({**before, "tick": 0.2, "lookup": 2.4}, before) == [("lookup", 20.0)]


def test_the_statement_that_cost_most_time_stands_first():
    before = {**USUAL, "tick": 0.02}
    assert slower({**before, "tick": 0.8, "lookup": 1.44}, before) == [("lookup", 12.0), ("tick", 40.0)]


def test_what_one_accepted_run_took_as_well_is_not_slower():
    assert slower({**USUAL, "lookup": 1.44}, USUAL, {**USUAL, "lookup": 0.9}) == []


def test_a_difference_too_small_to_feel_is_not_named():
    assert slower({**USUAL, "lookup": 0.045}, {**USUAL, "lookup": 0.005}) == []


def test_a_statement_of_few_calls_is_not_named():
    assert slower({**USUAL, "lookup": 2.0}, USUAL, calls=20) == []


def test_one_stall_of_the_machine_does_not_make_a_statement_slow():
    assert slower({"lookup": 12.0}, USUAL, points=(0.1, 0.12, 90.0, 0.11, 0.12)) == []


def test_what_is_new_or_was_never_accepted_is_not_compared():
    assert slower({"other": 50.0}, USUAL) == []
    assert slower({**USUAL, "lookup": 1.44}) == []
