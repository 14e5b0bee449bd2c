"""The report in a real Chromium: what only a browser can tell of its charts, its table and its policy."""

import shutil
from datetime import timedelta

import pytest
from made_runs import FIRST_NIGHT, made_run
from made_verdicts import made_row, made_scenario, made_target, made_verdict

from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, TargetVerdict
from chamiperf_ci.render.html import Sides, page
from chamiperf_ci.render.numbers import Context

pytestmark = pytest.mark.needs_browser

HOSTILE = "</script><img src=x onerror=alert(1)>{{7*7}} signal('x')"


def report(hostile=""):
    """A page of three runs beside five accepted ones, with eight nights before them, and rows of each kind."""
    before = [made_run(number) for number in range(5)]
    now = [made_run(20 + number, factor=1.3, failed=40 * number) for number in range(3)]
    dates = {
        "history_values": tuple(80.0 + number for number in range(8)),
        "history_at": tuple(FIRST_NIGHT + timedelta(days=6 + number) for number in range(8)),
        "baseline_at": tuple(run.started_at for run in before),
    }
    rows = [
        made_row(**dates),
        made_row(metric="p50", target=made_target(TargetVerdict.MISSED, 120.0), **dates),
        made_row(RowVerdict.PASS, RowReason.WITHIN_TOLERANCE, metric="p95", current=3.0),
        made_row(RowVerdict.INCONCLUSIVE, RowReason.NOISY, endpoint=hostile or "metadata"),
    ]
    scenario = made_scenario(runs=tuple(run.run_id for run in now))
    if hostile:
        endpoint = (hostile,)
        before, now = ([made_run(n, endpoints=endpoint) for n in numbers] for numbers in (range(5), range(20, 23)))
    return page(made_verdict(tuple(rows), scenarios=(scenario,)), Sides(now, before), context=Context())


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api")
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    assert binary, "chromium is not on PATH"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, tmp_path):
    """Opens a page; gives it with what went wrong on the console and what it asked for."""
    tabs = []

    def open_page(text, **how):
        path = tmp_path / "report.html"
        path.write_text(text, encoding="utf-8")
        tab = chromium.new_page(**how)
        tabs.append(tab)
        wrong, asked = [], []
        tab.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        tab.goto(path.as_uri())
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        tab.wait_for_function("[...document.querySelectorAll('[data-chart]')].every(e => e.querySelector('svg.marks'))")
        return tab, wrong, [url for url in asked if url != path.as_uri()]

    yield open_page
    for tab in tabs:
        tab.close()


def test_all_charts_are_drawn_and_nothing_is_asked_for_or_complained_of(opened):
    tab, wrong, asked = opened(report())
    # The forest, a history of each row, and of the series its latency, rate, errors and quantiles.
    assert tab.locator("svg.marks").count() == 1 + 4 + 4
    assert (wrong, asked) == ([], [])


def test_the_table_sorts_and_filters(opened):
    tab, _, _ = opened(report())
    now = "#figures tbody tr:not([hidden]) td:nth-child(4)"
    tab.get_by_role("button", name="now", exact=True).click()
    assert tab.locator(now).first.inner_text().startswith("3.00")
    tab.get_by_role("button", name="now", exact=True).click()
    assert tab.locator(now).first.inner_text().startswith("99.0")
    tab.get_by_label("Filter").fill("open metadata")
    assert tab.locator(now).count() == 1
    assert tab.locator("#shown").inner_text() == "1 of 4"


def test_a_click_in_the_list_of_changes_leads_to_a_row_that_was_filtered_out(opened):
    tab, _, _ = opened(report())
    tab.get_by_label("Filter").fill("nothing is called so")
    tab.locator("figure summary").first.click()
    tab.locator('a[href="#row-0"]').click()
    assert tab.locator("#row-0").is_visible()


def test_a_hostile_name_is_text_in_every_chart(opened):
    tab, wrong, asked = opened(report(HOSTILE))
    assert (wrong, asked) == ([], [])
    assert tab.locator("img").count() == 0
    assert tab.locator("svg.marks text", has_text="{{7*7}}").count() > 0


def test_nothing_is_wider_than_a_phone(opened):
    tab, wrong, _ = opened(report(HOSTILE), viewport={"width": 390, "height": 800}, color_scheme="dark")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert wrong == []
