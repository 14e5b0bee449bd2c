from chamiperf_ci.render.report import Markdown
from chamiperf_ci.render.tables import TimeSplit, time_split

SPLIT = TimeSplit("boot_storm", "bootscript", seen=12.0, database=1.5, service=2.5, front=8.0, generator=0.25)


def cells(split):
    """The one row of the table."""
    return [cell.strip() for cell in time_split([split], Markdown()).strip().splitlines()[-1].split("|")[1:-1]]


def test_the_table_has_every_part_of_an_endpoints_time():
    shown = ["<code>boot_storm / bootscript</code>", "12.0 ms", "1.50 ms", "2.50 ms", "8.00 ms", "0.250 ms"]
    assert cells(SPLIT) == shown


def test_what_was_not_measured_is_left_blank_and_never_a_zero():
    partly = TimeSplit("boot_storm", "bootscript", seen=12.0, database=None, service=4.0, front=8.0, generator=None)
    assert (cells(partly)[2], cells(partly)[5]) == ("", "")
