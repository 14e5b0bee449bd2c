from made_verdicts import made_row

from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.render.charts import WIDTH, sparkline, text_chart


def test_a_chart_shows_each_run_and_what_is_allowed_in_proportion():
    row = made_row(baseline_values=(80.0,), current_values=(160.0,), baseline=80.0, history_values=(80.0, 82.0, 90.0))
    assert text_chart(row).splitlines() == [
        "accepted  80.0 ms  " + "█" * 20,
        "now        160 ms  " + "█" * WIDTH,
        "allowed   96.0 ms  " + "█" * 24,
        "nights    ▁▂█  (oldest first)",
    ]


def test_of_a_throughput_less_is_not_allowed():
    row = made_row(unit="/s", direction=Direction.HIGHER, baseline=10_000.0, baseline_values=(), current_values=())
    assert text_chart(row) == "allowed   8,000/s  " + "█" * WIDTH


def test_without_values_there_is_nothing_to_draw():
    assert text_chart(made_row(baseline=None, baseline_values=(), current_values=())) == "no values"


def test_zeros_have_no_bar():
    row = made_row(unit="windows", baseline=0.0, baseline_values=(0.0,), current_values=(0.0,))
    assert text_chart(row).splitlines()[0] == "accepted  0 windows  "


def test_a_flat_line_is_flat():
    assert sparkline((5.0, 5.0, 5.0)) == "▄▄▄"
