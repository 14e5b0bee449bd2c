"""An alert's texts: what is hidden in them, and that nothing in a name can steer GitHub or a chat."""

from datetime import date

import pytest

from chamiperf_ci.models.history import NOT_MEASURING, Alert, AlertLine
from chamiperf_ci.render import alerts

DAY = date(2026, 3, 14)
HOSTILE = "a --> <script> | @team #1 `x` <!channel> \u202e\nb"


def alert(name="bootscript p99", lines=1, **changes):
    found = (AlertLine(name=f"{name}{n or ''}", what="regression", says="slower", since=DAY) for n in range(lines))
    return Alert(since=DAY, last=DAY, lines=tuple(found), **changes)


@pytest.mark.parametrize("topic", ["boot_storm", NOT_MEASURING, HOSTILE])
@pytest.mark.parametrize("environment", ["lab", HOSTILE])
def test_an_issue_is_found_again_by_its_text(environment, topic):
    assert alerts.topic_of(alerts.issue(environment, topic, alert()), environment) == topic


def test_another_environments_issue_is_not_ours():
    assert alerts.topic_of(alerts.issue("lab", "boot_storm", alert()), "staging") is None


@pytest.mark.parametrize("name", ["bootscript p99", HOSTILE])
def test_what_an_issue_keeps_is_read_back(name):
    kept = alert(name, changed=("bss: a to b -->",))
    assert alerts.kept_in(alerts.issue("lab", "boot_storm", kept)) == kept


def test_what_is_kept_ends_no_comment_early():
    body = alerts.issue("lab", "boot_storm", alert(HOSTILE))
    assert body.splitlines()[1].count("-->") == 1


@pytest.mark.parametrize("kept", ["{}", "not json", '{"since":"x"}'])
def test_what_somebody_damaged_is_no_alert(kept):
    assert alerts.kept_in(f"<!-- chamiperf-ci kept: {kept} -->") is None


def test_a_name_breaks_no_table_and_calls_nobody():
    table = alerts.issue("lab", "boot_storm", alert(HOSTILE)).partition("| what |")[2]
    row = table.splitlines()[2]
    assert row.count("|") == 7
    assert not {"@team", "<script>", "#1 "} & set(row.split())


def test_a_message_wakes_no_channel():
    text = alerts.message(
        "lab", HOSTILE, [alerts.news_line("open", "boot_storm", alert(HOSTILE))], link="", self_test=False
    )
    assert "<!channel>" not in text
    assert "@team" not in text


def test_a_long_table_says_how_many_more_there_are():
    assert "\n5 rows more; the report" in alerts.issue("lab", "boot_storm", alert(lines=45))


def test_a_night_of_everything_fits_into_an_issue():
    lines = tuple(
        AlertLine(name=f"endpoint-with-a-long-name p99 {n}", what="regression", says="x" * 2_000, since=DAY)
        for n in range(200)
    )
    assert len(alerts.issue("lab", "boot_storm", Alert(since=DAY, last=DAY, lines=lines))) < 65_536


def test_a_self_test_says_so():
    assert "no product was measured" in alerts.issue("lab", "boot_storm", alert(self_test=True))
