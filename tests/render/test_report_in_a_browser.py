"""The report in a real Chromium: what only a browser can tell of its charts, its table and its policy."""

import re
import shutil
from datetime import timedelta

import pytest
from made_runs import FIRST_NIGHT, made_run
from made_verdicts import made_row, made_scenario, made_target, made_verdict

from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, TargetVerdict
from chamiperf_ci.render.html import Sides, page
from chamiperf_ci.render.numbers import Context

pytestmark = pytest.mark.needs_browser

ALL_DRAWN = "[...document.querySelectorAll('[data-chart]')].every(e => e.querySelector('svg.marks'))"
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

    def open_page(text, *, whole=True, **how):
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
        if whole:
            tab.evaluate("dispatchEvent(new Event('beforeprint'))")
            assert tab.evaluate(ALL_DRAWN)
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
    tab.get_by_label("Filter").fill("decided metadata")
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


def test_a_chart_is_drawn_when_it_comes_into_view(opened):
    tab, wrong, _ = opened(report(), whole=False, viewport={"width": 900, "height": 300})
    tab.wait_for_selector("svg.marks")
    assert tab.locator("svg.marks").count() < tab.locator("[data-chart]").count()
    tab.locator("[data-chart]").last.scroll_into_view_if_needed()
    tab.locator("[data-chart]").last.locator("svg.marks").wait_for()
    assert wrong == []


def test_what_is_printed_has_all_charts_and_no_tools_and_nothing_is_cut_off(opened):
    tab, wrong, asked = opened(report(), whole=False)
    tab.emulate_media(media="print")
    # Not by wait_for_function: the policy refuses what it would evaluate.
    tab.locator("svg.marks").nth(tab.locator("[data-chart]").count() - 1).wait_for()
    assert tab.evaluate(ALL_DRAWN)
    assert not tab.locator("#tools").is_visible()
    assert tab.evaluate(
        "[...document.querySelectorAll('.chart svg')].every(e => e.clientWidth <= e.closest('figure').clientWidth)"
    )
    assert tab.evaluate(
        "[...document.querySelectorAll('.tall, .scroll')].every(e => getComputedStyle(e).overflow === 'visible')"
    )
    assert len(tab.pdf(format="A4")) > 10_000
    assert (wrong, asked) == ([], [])


def test_all_can_be_done_by_keyboard_and_the_focus_is_seen(opened):
    tab, _, _ = opened(report())
    focused = "document.activeElement"
    seen = f"(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0)(getComputedStyle({focused}))"
    tab.locator("#filter").focus()
    tab.keyboard.type("metadata")
    assert tab.locator("#shown").inner_text() == "1 of 4"
    tab.keyboard.press("Control+A")
    tab.keyboard.press("Delete")
    tab.keyboard.press("Tab")
    assert tab.evaluate(f"[{focused}.id, {seen}]") == ["copy", True]
    tab.keyboard.press("Enter")
    tab.locator("#copy", has_text=re.compile("^(Copied|Selected)")).wait_for()
    reached = []
    for _ in range(20):
        tab.keyboard.press("Tab")
        if tab.evaluate(f"{focused}.closest('th') !== null"):
            assert tab.evaluate(seen)
            reached.append(tab.evaluate(f"{focused}.textContent"))
            if reached[-1] == "now":
                break
    tab.keyboard.press("Enter")
    now = "#figures tbody tr:not([hidden]) td:nth-child(4)"
    assert tab.locator("th[aria-sort]").evaluate_all("found => found.map(e => [e.textContent, e.ariaSort])") == [
        ["now", "ascending"]
    ]
    assert tab.locator(now).first.inner_text().startswith("3.00")
    tab.keyboard.press("Space")
    assert tab.locator("th[aria-sort]").evaluate_all("found => found.map(e => e.ariaSort)") == ["descending"]
    fold = tab.locator("figure summary").first
    fold.focus()
    for key, is_open in (("Enter", True), ("Space", False)):
        tab.keyboard.press(key)
        assert fold.evaluate("e => e.parentElement.open") is is_open
    tab.keyboard.press("Space")
    tab.keyboard.press("Tab")
    assert tab.evaluate(f"{focused}.closest('details') !== null || {focused}.tagName") is True


def test_every_chart_has_words_and_its_values_as_a_table(opened):
    tab, _, _ = opened(report())
    said = re.findall(r'data-chart="\d+" role="img" aria-label="([^"]{10,})"', tab.content())
    assert len(said) == tab.locator("[data-chart]").count()
    assert not any("isuali" in each for each in said)  # what Vega would say
    found = tab.locator("[data-chart]").evaluate_all(
        "all => all.map(e => [e.getAttribute('role'), e.getAttribute('aria-label').length > 10,"
        " e.closest('figure').querySelectorAll('details td').length > 0])"
    )
    assert found == [["img", True, True]] * len(found)
