from dataclasses import replace

from chamiperf_ci.render.tables import TimeSplit, time_split
from chamiperf_ci.render.text import as_markdown

SPLIT = TimeSplit("boot_storm", "bootscript", seen=12.0, database=1.5, service=2.5, front=8.0, generator=0.25)


def cells(*splits, before=()):
    """The one row of the table."""
    return [
        cell.strip() for cell in as_markdown([time_split(splits, before)]).strip().splitlines()[-1].split("|")[1:-1]
    ]


def test_the_table_has_every_part_of_an_endpoints_time():
    shown = ["<code>boot_storm / bootscript</code>", "12.0 ms", "1.50 ms", "2.50 ms", "8.00 ms", "0.250 ms"]
    assert cells(SPLIT) == shown


def test_what_was_not_measured_is_left_blank_and_never_a_zero():
    partly = TimeSplit("boot_storm", "bootscript", seen=12.0, database=None, service=4.0, front=8.0, generator=None)
    assert (cells(partly)[2], cells(partly)[5]) == ("", "")


def test_before_and_after_stand_side_by_side():
    before = TimeSplit("boot_storm", "bootscript", seen=9.0, database=0.5, service=2.5, front=6.0, generator=None)
    assert cells(SPLIT, before=[before])[1:3] == ["9.00 → 12.0 ms", "0.500 → 1.50 ms"]


def test_of_several_runs_the_median_of_each_part_is_shown():
    runs = [replace(SPLIT, database=part) for part in (1.5, 9.0, 2.5)]
    assert cells(*runs)[2] == "2.50 ms"
