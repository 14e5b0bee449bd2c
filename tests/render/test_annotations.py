from made_verdicts import KNOWN, everything, made_row, made_verdict

from chamiperf_ci.models.vocabulary import FailOn
from chamiperf_ci.render.annotations import notes


def test_the_lines_of_a_night_come_worst_first():
    assert [(note.level, note.title) for note in notes(everything())] == [
        ("error", "auth_under_load was not judged"),
        ("error", "Boot script p99 regressed"),
        ("error", "Boot script p50 misses its target"),
        ("error", "User-data p99 vanished"),
        ("warning", "Meta-data p50 drift drifts"),
        ("warning", "Boot script stalled windows is suspect"),
        ("notice", "chamiperf"),
        ("notice", "chamiperf"),
    ]


def test_a_line_says_which_row_and_what_was_seen():
    assert notes(made_verdict((made_row(),)))[0].message == (
        "boot_storm / bootscript p99: 20.7 % slower (95 %: 8.2 to 34.7 %), seen in all 3 runs; tolerance 20 % "
        "cannot be excluded."
    )


def test_what_does_not_turn_the_exit_code_is_a_warning():
    advisory = everything().model_copy(update={"fail_on": (FailOn.TARGET, FailOn.INVALID)})
    levels = {note.title: note.level for note in notes(advisory)}
    assert (levels["Boot script p99 regressed"], levels["Boot script p50 misses its target"]) == ("warning", "error")


def test_what_is_acknowledged_is_no_annotation():
    assert notes(made_verdict((made_row(acknowledged=KNOWN),), sentence="x")) == ()


def test_a_line_break_in_a_name_stays_inside_its_line():
    hostile = made_row(endpoint="a\n::error::b", detail="c\n::d")
    assert all("\n" not in note.title + note.message for note in notes(made_verdict((hostile,), sentence="x")))
