"""Tables of a terminal: what gives way, in which order, and that no word is broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chamiperf_ci.render.text import Column, in_columns, in_lines, width

COLUMNS = (
    Column("scenario"),
    Column("model", goes=1),
    Column("VUs", right=True, wraps=True),
    Column("why", wraps=True),
    Column("memory", right=True, goes=2),
)
ROWS = [
    ("boot_storm", "closed", "10,000 -> 20,000", "the generator was the bottleneck for 12 s", "12,657 MB"),
    ("auth_under_load", "open", "2,000", "", "1,698 MB"),
]


def test_where_there_is_room_nothing_gives_way():
    lines = in_columns(COLUMNS, ROWS, room=120).splitlines()
    assert len(lines) == 4
    assert lines == in_columns(COLUMNS, ROWS).splitlines()
    assert all(cell in lines[2] for cell in ROWS[0])


def test_prose_wraps_first_and_columns_go_in_their_order():
    wrapped = in_columns(COLUMNS, ROWS, room=75)
    assert "left out" not in wrapped
    assert "12 s" in wrapped
    assert in_columns(COLUMNS, ROWS, room=57).splitlines()[-1] == "left out at 57 columns: model"
    assert in_columns(COLUMNS, ROWS, room=46).splitlines()[-1] == "left out at 46 columns: model, memory"


def test_a_name_is_shortened_in_its_middle():
    found = in_columns(
        (Column("metric", shortens=True), Column("old")), [("boot_storm / a-long-endpoint p99", "10 ms")], room=30
    )
    assert "p99" in found
    assert "…" in found
    assert max(map(len, found.splitlines())) <= 30


WORDS = st.lists(st.text("abc0123,.-/", min_size=1, max_size=14), min_size=0, max_size=12).map(" ".join)


@given(st.lists(st.tuples(*[WORDS] * 3), min_size=1, max_size=5), st.integers(20, 120))
def test_no_word_is_ever_broken(rows, room):
    columns = (Column("one", wraps=True), Column("two", wraps=True), Column("three", wraps=True))
    lines = in_columns(columns, rows, room=room).splitlines()
    words = {word for row in rows for cell in row for word in cell.split()}
    assert {word for line in lines[2:] for word in line.split()} == words


def test_hidden_characters_reach_no_terminal():
    assert "\x1b" not in in_columns((Column("a"),), [("\x1b[31mred\n",)], room=80)


@pytest.mark.parametrize(("said", "is_known"), [("100", 100), ("20", 40), ("999", 200), ("wide", None), ("", None)])
def test_a_width_is_what_the_terminal_says_within_reason(said, is_known, monkeypatch):
    monkeypatch.setenv("COLUMNS", said)
    assert width() == is_known


def test_a_line_is_parted_between_words_and_a_pipe_gets_it_whole():
    assert in_lines("warning: cloud-init offers 20,000 requests/s\nnext", 30) == (
        "warning: cloud-init offers\n20,000 requests/s\nnext"
    )
    assert in_lines("a " * 100, None) == "a " * 100
