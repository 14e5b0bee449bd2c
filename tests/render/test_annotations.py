import pytest
from made_verdicts import KNOWN, everything, made_row, made_verdict

from chamiperf_ci.models.vocabulary import FailOn, RowReason, RowVerdict
from chamiperf_ci.render.junit import notes


def test_the_lines_of_a_night_come_worst_first():
    assert [(note.level, note.title) for note in notes(everything())] == [
        ("error", "auth_under_load was not judged"),
        ("error", "Boot script p99 regressed"),
        ("error", "Boot script p50 misses its target"),
        ("error", "user-data p99 vanished"),
        ("warning", "meta-data p50 drifts"),
        ("warning", "Boot script stalled windows is suspect"),
        ("notice", "chamiperf"),
        ("notice", "chamiperf"),
    ]


def test_a_line_says_which_row_and_what_was_seen():
    assert notes(made_verdict((made_row(),)))[0].message == (
        "boot_storm / bootscript p99: 21 % slower (95 %: 8 to 35 %), seen in all 3 runs; may exceed the 20 % limit."
    )


UNJUDGED = made_row(RowVerdict.INVALID, RowReason.ERROR_BURST, change=None, endpoint="phone-home")
OF_EACH_KIND = {
    FailOn.REGRESSION: {"Boot script p99 regressed"},
    FailOn.TARGET: {"Boot script p50 misses its target"},
    FailOn.INVALID: {"auth_under_load was not judged", "user-data p99 vanished", "phone-home p99 was not judged"},
    FailOn.DRIFT: {"meta-data p50 drifts"},
    FailOn.INCONCLUSIVE: {"Boot script stalled windows is suspect"},
}


@pytest.mark.parametrize("kind", FailOn)
def test_what_turns_the_exit_code_is_an_error_and_all_else_a_warning(kind):
    night = everything()
    night = night.model_copy(update={"rows": (*night.rows, UNJUDGED), "fail_on": (kind,)})
    found = [note for note in notes(night) if note.level != "notice"]
    assert {note.title for note in found if note.level == "error"} == OF_EACH_KIND[kind]
    assert {note.title for note in found} == set().union(*OF_EACH_KIND.values())


def test_a_night_that_ended_in_0_has_no_error():
    row = made_row(RowVerdict.INVALID, RowReason.FINGERPRINT_MISMATCH, change=None)
    assert [note.level for note in notes(made_verdict((row,), exit_code=0))] == ["warning"]


def test_what_is_acknowledged_is_no_annotation():
    assert notes(made_verdict((made_row(acknowledged=KNOWN),))) == ()


def test_a_line_break_in_a_name_stays_inside_its_line():
    hostile = made_row(endpoint="a\n::error::b", detail="c\n::d")
    found = notes(made_verdict((hostile,)))
    assert found
    assert all("\n" not in note.title + note.message for note in found)
