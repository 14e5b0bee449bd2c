"""What k6's exit codes mean."""

import pytest

from chamiperf_ci.adapters.k6 import EndKind
from chamiperf_ci.adapters.k6.run import meaning_of


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        *((code, EndKind.COMPLETE) for code in (0, 99)),
        *((code, EndKind.STOPPED) for code in (103, 105, 108, 110)),
        (104, EndKind.MISCONFIGURED),
        *((code, EndKind.FAILED) for code in (97, 98, 100, 101, 102, 106, 109, 255, 1)),
        (107, EndKind.THREW),
        *((code, EndKind.KILLED) for code in (-9, -15, -11)),
    ],
)
def test_each_code_has_an_ending(code, ending):
    assert meaning_of(code).ending is ending


def test_a_killed_k6_names_the_usual_reason():
    assert "out of memory" in meaning_of(-9).text


def test_another_signal_is_named():
    assert meaning_of(-11).text == "ended by SIGSEGV"


def test_a_code_that_nobody_knows_is_a_failure_and_says_so():
    assert "not known" in meaning_of(77).text
