import pytest
from made_verdicts import made_change, made_row

from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.render import numbers
from chamiperf_ci.render.text import sentence_in_plain_text


def test_a_slow_down_is_said_in_words_with_its_interval():
    assert numbers.cell(made_row()) == "20.7 % slower [8.2 to 34.7 %]"


def test_a_loss_of_throughput_is_less_and_its_smaller_end_comes_first():
    row = made_row(unit="/s", direction=Direction.HIGHER, change=made_change(-0.2136, -0.2506, -0.1747))
    assert numbers.cell(row) == "21.4 % less [17.5 to 25.1 %]"


def test_more_memory_is_said_to_be_worse():
    assert numbers.cell(made_row(unit="MB")) == "20.7 % more (worse) [8.2 to 34.7 %]"


def test_no_difference_is_a_tilde_and_never_a_small_percentage():
    assert numbers.cell(made_row(change=made_change(0.0122, -0.124, 0.1695))) == "~ [12 % faster to 17 % slower]"


def test_a_row_without_a_change_has_an_empty_cell():
    assert numbers.cell(made_row(change=None)) == ""


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (0.0122, "1 % slower"),
        (-0.0122, "1 % faster"),
        (0.0049, "unchanged"),
        (0.0, "unchanged"),
        (0.196, "19.6 % slower"),
    ],
)
def test_an_estimate_is_whole_percents_unless_they_would_read_as_the_tolerance(ratio, said):
    row = made_row()
    assert numbers.estimate(row, made_change(ratio)) == said


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ({"endpoint": "bootscript", "metric": "p99"}, "Boot script p99"),
        ({"endpoint": "", "metric": "time to boot"}, "time to boot"),
        ({"endpoint": "bootscript", "metric": "p99", "phase": "spike"}, "Boot script p99 (spike)"),
        ({"endpoint": "user-data", "metric": "errors"}, "user-data error rate"),
    ],
)
def test_a_row_has_a_name_that_begins_a_sentence(key, said):
    assert sentence_in_plain_text(numbers.title(RowKey(scenario="boot_storm", **key))) == said
