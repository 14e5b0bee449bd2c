import pytest

from chamiperf_ci.render.numbers import counted, percent, quantities, quantity, share, significant


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (83, "83.0"),
        (0, "0"),
        (0.01234, "0.0123"),
        (0.012349999, "0.0123"),
        (0.01235, "0.0123"),  # in binary just below the boundary
        (0.012351, "0.0124"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.94, "99.9"),
        (99.96, "100"),
        (999.4, "999"),
        (999.6, "1,000"),
        (12345, "12,300"),
        (-7.5, "-7.50"),
    ],
)
def test_a_value_has_three_significant_digits(value, shown):
    assert significant(value) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (83.0, "ms", "83.0 ms"),
        (999.0, "ms", "999 ms"),
        (1000.0, "ms", "1.00 s"),
        (0.1, "ms", "0.100 ms"),
        (0.0999, "ms", "99.9 µs"),
        (0.0, "ms", "0 µs"),
        (2.5, "s", "2.50 s"),
        (0.9999, "s", "1,000 ms"),
        (1.5e9, "bytes", "1.50 GB"),
        (10400.0, "/s", "10,400/s"),
        (4.0, "windows", "4 windows"),
        (1.0, "windows", "1 window"),
        (4.0, "", "4.00"),
    ],
)
def test_a_quantity_has_its_unit_scaled_for_people(value, unit, shown):
    assert quantity(value, unit) == shown


def test_quantities_that_are_compared_share_one_scale():
    assert quantities((980.0, 1020.0), "ms") == ("0.980 s", "1.02 s")


@pytest.mark.parametrize(
    ("fraction", "beside", "tenths", "shown"),
    [
        pytest.param(0.207, None, False, "21", id="whole"),
        pytest.param(0.207, None, True, "20.7", id="tenths"),
        pytest.param(0.196, 0.2, False, "19.6", id="just below the tolerance"),
        pytest.param(0.204, 0.2, False, "20.4", id="just above the tolerance"),
        pytest.param(0.2, 0.2, False, "20", id="the tolerance itself"),
        pytest.param(0.25, 0.2, False, "25", id="clear of the tolerance"),
        pytest.param(-0.36, None, False, "36", id="the sign is said in words"),
        pytest.param(12.5, None, False, "1,250", id="thousands"),
    ],
)
def test_percents_are_whole_unless_that_would_hide_a_difference(fraction, beside, tenths, shown):
    assert percent(fraction, compared_to=beside, tenths=tenths) == shown


def test_a_share_keeps_small_rates_visible():
    assert (share(0.00021), share(0), share(1)) == ("0.0210 %", "0 %", "100 %")


def test_counted_uses_the_singular_for_one():
    assert (counted(1, "row"), counted(2, "row"), counted(2, "run is", "runs are")) == ("1 row", "2 rows", "2 runs are")
