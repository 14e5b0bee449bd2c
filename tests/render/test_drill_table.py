from made_drill_documents import made_drill

from chamiperf_ci.render.tables import drill_table
from chamiperf_ci.render.text import as_markdown, as_text


def test_the_whole_table():
    assert (
        as_text(drill_table(made_drill()))
        == """\
Drill of boot_storm, profile demo: injected
-------------------------------------------

slow-down  injected  p50 measured  comparisons  suspect in one night  caught     missed
---------  --------  ------------  -----------  --------------------  ---------  ------
none       -         -1.2 %        1            1                     0 (false)  -
+40 %      3.20 ms   +33.4 %       3            3                     2          1

row                          spread between runs  seen in one night  seen with confirmation
---------------------------  -------------------  -----------------  ----------------------
boot_storm / bootscript p99  3.1 %                21 %               nothing

- False alarms expected a month: 0.300, at most 0.840 (computed from 200 comparisons drawn from the same 8 runs of \
unchanged code, for this scenario's rows alone).
- 1 of 2 runs were invalid; they say nothing, and are in no figure above.
- Self-test on the embedded stack: no product was measured.

This gate detects slow-downs from 1,200 % on bootscript p99, measured on 2026-11-24. Of 3 injected slow-downs of \
40 % it caught 2. In 1 comparison of unchanged code it called 0 regressions.
"""
    )


def test_a_computed_drill_says_so_in_its_title_and_why():
    text = as_text(
        drill_table(made_drill(method="computed", method_reason="a deployed stack is not slowed down on purpose"))
    )
    assert "profile demo: computed, not injected" in text
    assert "- Computed, not injected: a deployed stack is not slowed down on purpose." in text


def test_a_drill_that_ended_early_says_why():
    assert "- It ended early: the time is used up." in as_text(
        drill_table(made_drill(ended_early="the time is used up"))
    )


def test_false_alarms_that_cannot_be_computed_are_not_shown_as_none():
    text = as_text(
        drill_table(made_drill(rows=(), unchanged_runs=4, false_alarms_a_month=None, false_alarms_a_month_at_most=None))
    )
    assert "False alarms cannot be computed: there are 4 runs of unchanged code, and eight are needed." in text


def test_a_markdown_surface_gets_pipe_tables():
    assert as_markdown(drill_table(made_drill())).count("\n|---") == len(("effects", "rows"))
