"""Which issues a night opens, updates and closes."""

from datetime import date

import pytest

from chamiperf_ci.models.history import NOT_MEASURING, Alert, AlertLine
from chamiperf_ci.steps.alerts.decide import Act, KnownIssue, decide
from chamiperf_ci.steps.alerts.findings import UNREADABLE, AlertFinding, JudgedNight

FIRST, TONIGHT = date(2026, 3, 14), date(2026, 3, 15)


def line(name="bootscript p99", what="regression", since=TONIGHT):
    return AlertLine(name=name, what=what, says="slower", since=since)


def finding(topic="boot_storm", *names, changed=()):
    return AlertFinding(topic, tuple(line(name) for name in names or ("bootscript p99",)), changed=changed)


def night(*findings, **changes):
    fields = {"judged": frozenset({"boot_storm", "auth_under_load"}), "valid": True}
    return JudgedNight("lab", TONIGHT, findings, **(fields | changes))


def known(topic="boot_storm", number=7, *, is_open=True, names=("bootscript p99",), **changes):
    lines = tuple(line(name, since=FIRST) for name in names)
    seen = tuple(f"{name}: regression" for name in names)
    alert = Alert(since=FIRST, last=FIRST, lines=lines, seen=seen, **changes)
    return KnownIssue(number, topic, is_open, alert)


def acts(night_, *issues):
    return [(action.act, action.topic, action.number, action.news) for action in decide(night_, issues)]


@pytest.mark.parametrize(
    ("tonight", "issues", "expected"),
    [
        pytest.param(night(), [], [], id="a clean night without an alert is silent"),
        pytest.param(night(finding()), [], [(Act.OPEN, "boot_storm", None, True)], id="new finding opens an issue"),
        pytest.param(
            night(finding()), [known()], [(Act.UPDATE, "boot_storm", 7, False)], id="the same again is no news"
        ),
        pytest.param(
            night(finding("boot_storm", "bootscript p99", "bootscript p50")),
            [known()],
            [(Act.UPDATE, "boot_storm", 7, True)],
            id="a row that joins is news",
        ),
        pytest.param(
            night(finding("boot_storm", "bootscript p99", "bootscript p50")),
            [known(names=("bootscript p99", "bootscript p50"))],
            [(Act.UPDATE, "boot_storm", 7, False)],
            id="a row that was seen before is no news",
        ),
        pytest.param(night(), [known()], [(Act.CLOSE, "boot_storm", 7, True)], id="a clean night closes"),
        pytest.param(
            night(undecided={"boot_storm": frozenset({"bootscript p99"})}),
            [known()],
            [],
            id="a row that could not be decided keeps its alert open",
        ),
        pytest.param(
            night(undecided={"boot_storm": frozenset({"bootscript p50"})}),
            [known()],
            [(Act.CLOSE, "boot_storm", 7, True)],
            id="another row that could not be decided does not",
        ),
        pytest.param(night(judged=frozenset()), [known()], [], id="a scenario that was not judged stays as it was"),
        pytest.param(
            night(measured=False, valid=False), [known(NOT_MEASURING)], [], id="a look from outside closes nothing"
        ),
        pytest.param(night(valid=False), [known(NOT_MEASURING)], [], id="nor does an invalid night that wakes nobody"),
        pytest.param(
            night(),
            [known(NOT_MEASURING)],
            [(Act.CLOSE, NOT_MEASURING, 7, True)],
            id="a measured night ends not measuring",
        ),
        pytest.param(
            night(finding()), [known(is_open=False)], [], id="what a person closed is not opened again while it lasts"
        ),
        pytest.param(
            night(finding("boot_storm", "bootscript p50")),
            [known(is_open=False)],
            [(Act.OPEN, "boot_storm", None, True)],
            id="unless something joins it",
        ),
        pytest.param(
            night(), [known(is_open=False)], [(Act.SETTLE, "boot_storm", 7, False)], id="until a clean night settles it"
        ),
        pytest.param(
            night(finding()),
            [known(is_open=False, over=True)],
            [(Act.OPEN, "boot_storm", None, True)],
            id="finding that comes back after a clean night opens a new issue",
        ),
        pytest.param(night(), [known(is_open=False, over=True)], [], id="what is over is left alone"),
        pytest.param(
            night(finding()),
            [known(number=9), known(number=7)],
            [(Act.UPDATE, "boot_storm", 7, False)],
            id="of two open issues the older is kept up",
        ),
    ],
)
def test_a_night_leads_to(tonight, issues, expected):
    assert acts(tonight, *issues) == expected


def test_no_more_than_three_are_opened_in_one_night_and_the_rest_is_told():
    tonight = night(*(finding(f"scenario_{number}") for number in range(5)))
    assert [act for act, *_ in acts(tonight)] == [Act.OPEN] * 3 + [Act.WITHHOLD] * 2


def test_what_joins_the_acknowledged_counts_among_the_three():
    topics = [f"scenario_{number}" for number in range(4)]
    acknowledged = [known(topic, number, is_open=False) for number, topic in enumerate(topics)]
    tonight = night(*(finding(topic, "bootscript p50") for topic in topics))
    assert [act for act, *_ in acts(tonight, *acknowledged)] == [Act.OPEN] * 3 + [Act.WITHHOLD]


def test_a_night_that_is_told_of_again_opens_no_more_than_three():
    tonight = night(*(finding(f"scenario_{number}") for number in range(4)))
    first = decide(tonight, ())[:3]
    opened = [KnownIssue(number, action.topic, is_open=True, alert=action.alert) for number, action in enumerate(first)]
    assert [act for act, *_ in acts(tonight, *opened)] == [Act.WITHHOLD]


def test_an_update_opens_no_issue_and_costs_none_of_the_three():
    tonight = night(finding(), *(finding(f"scenario_{number}") for number in range(3)))
    assert [act for act, *_ in acts(tonight, known())] == [Act.UPDATE] + [Act.OPEN] * 3


def test_a_row_keeps_the_night_it_was_first_seen():
    (action,) = decide(night(finding("boot_storm", "bootscript p50", "bootscript p99")), [known()])
    assert {one.name: one.since for one in action.alert.lines} == {"bootscript p50": TONIGHT, "bootscript p99": FIRST}


@pytest.mark.parametrize("what", ["load-not-reached, generator-saturated", "generator-saturated"])
def test_reasons_that_were_seen_before_are_no_news_in_another_company(what):
    before, tonight = (
        night(AlertFinding(NOT_MEASURING, (line("boot_storm", reasons),)), valid=False)
        for reasons in ("generator-saturated, load-not-reached", what)
    )
    (opened,) = decide(before, ())
    assert acts(tonight, KnownIssue(7, NOT_MEASURING, is_open=False, alert=opened.alert)) == []


def test_a_row_that_fails_in_one_more_way_keeps_the_night_it_was_first_seen():
    worse = AlertFinding("boot_storm", (line(what="regression, target missed"),))
    (action,) = decide(night(worse), [known()])
    assert ([one.since for one in action.alert.lines], action.news) == ([FIRST], True)


def test_the_suspect_range_of_the_first_night_is_kept():
    (action,) = decide(night(finding(changed=("smd: b to c",))), [known(changed=("bss: a to b",))])
    assert action.alert.changed == ("bss: a to b",)


def test_a_range_that_could_not_be_read_gives_way_to_one_that_could():
    (action,) = decide(night(finding(changed=("bss: a to b",))), [known(changed=(UNREADABLE, "it is away"))])
    assert action.alert.changed == ("bss: a to b",)


def test_an_undecided_row_stays_in_the_table_beside_one_that_fails():
    tonight = night(finding("boot_storm", "bootscript p50"), undecided={"boot_storm": frozenset({"bootscript p99"})})
    (action,) = decide(tonight, [known()])
    assert [one.name for one in action.alert.lines] == ["bootscript p50", "bootscript p99"]


def test_a_look_from_outside_takes_nothing_from_the_table():
    tonight = night(AlertFinding(NOT_MEASURING, (line("nights", "missing"),)), measured=False)
    (action,) = decide(tonight, [known(NOT_MEASURING, names=("boot_storm",))])
    assert [one.name for one in action.alert.lines] == ["nights", "boot_storm"]


def test_issues_that_cannot_be_read_keep_no_new_one_back():
    broken = Alert(since=TONIGHT, last=TONIGHT, lines=(), seen=())
    damaged = [KnownIssue(number, f"scenario_{number}", is_open=False, alert=broken) for number in range(3)]
    assert [act for act, *_ in acts(night(finding()), *damaged)] == [Act.OPEN]
