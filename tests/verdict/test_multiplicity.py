"""Benjamini and Hochberg's example of 1995, and the cap on each row's own p."""

from chamiperf_ci.verdict.night import survivors

EXAMPLE = (
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459),
    *(0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1),
)


def test_the_first_four_of_the_published_example_survive():
    assert survivors(EXAMPLE) == (True,) * 4 + (False,) * 11


def test_what_survives_does_not_depend_on_the_order():
    assert survivors(EXAMPLE[::-1]) == survivors(EXAMPLE)[::-1]


def test_a_p_just_within_its_rank_carries_the_smaller_ones_that_are_not():
    # 0.05 * 2 / 2 = 0.05: the second is within, so the first is too, although 0.03 > 0.05 * 1 / 2.
    assert survivors([0.03, 0.05]) == (True, True)
    assert survivors([0.03, 0.0501]) == (False, False)


def test_a_p_of_the_cap_itself_does_not_survive():
    assert survivors([0.01, 0.00999], largest_p=0.01) == (False, True)


def test_no_p_values_no_survivors():
    assert survivors([]) == ()
