"""The history as a static site: what its pages say, what they lead to, and that a browser opens years of it."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from made_nights import made_night
from made_runs import accepting, made_run, shipped_baselines
from test_escaping import HOSTILE

from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.commands.history import history
from chamiperf_ci.models.target import Identity
from chamiperf_ci.render.trend import INDEX, site, trend_page
from chamiperf_ci.steps.history import add
from chamiperf_ci.steps.trend import trends

ACCEPTED = accepting(shipped_baselines(), [made_run(number, noise=0.02) for number in range(5)])
LINK = "https://code.example/lab/stack/actions/runs/{}"


def identity(commit):
    return (Identity(service="bss", commit=commit),)


def stepped(number):
    """A night; from the tenth on the boot script takes twice as long, and has another build."""
    late = number >= 10
    night = made_night(
        number, noise=0.02, factor=2.0 if late else 1.0, identities=identity("5d6e7f8" if late else "1a2b3c4")
    )
    return night.model_copy(update={"link": LINK.format(number)})


NIGHTS = [stepped(number) for number in range(24)]


def pages(nights=NIGHTS, baselines=ACCEPTED):
    found = trends(nights, baselines, period=timedelta(days=1))
    return dict(site(found, producer="chamiperf 0.1.0"))


def page_of(files, metric):
    [name] = [
        found for found, text in files.items() if found != INDEX and f"<title>boot_storm / {metric} in lab" in text
    ]
    return files[name]


def test_what_changed_most_comes_first_and_leads_to_its_page():
    files = pages()
    first, *_ = re.findall(r'<tr><td><a href="(metric-[0-9a-f]{16}\.html)"[^>]*>(.*?)</a>', files[INDEX])
    assert first[0] in files
    assert set(re.findall(r'href="(metric-[^"]+)"', files[INDEX])) == files.keys() - {INDEX}
    assert re.search("p50|p95|p99", first[1])


def test_a_step_names_the_builds_on_both_sides_of_it():
    text = re.sub(r"</?code[^>]*>", "", pages()[INDEX])
    assert re.search(r"bootscript p\d\d is \d+ % slower since 2026-03-12 .*bss 1a2b3c4 → 5d6e7f8", text)


def test_each_night_leads_to_its_run():
    text = page_of(pages(), "bootscript p99")
    for number in range(24):
        assert text.count(f'href="{LINK.format(number)}"') == 2  # the dot and the table


def test_the_page_of_a_metric_has_what_is_accepted_allowed_and_demanded():
    text = page_of(pages(), "bootscript p50")
    assert 'class="accepted"' in text
    assert re.search(r'class="allowed"[^>]*><title>limit ', text)
    assert re.search(r'class="target"[^>]*><title>target 10.0 ms', text)


def test_a_night_leads_to_its_report_where_it_was_kept_where_that_is():
    report = "https://code.example/lab/stack/actions/runs/3/artifacts/8"
    nights = [*NIGHTS[:3], NIGHTS[3].model_copy(update={"report": report})]
    text = page_of(pages(nights), "bootscript p99")
    assert text.count(f'<a href="{report}">report</a>') == 1
    # The dots of the chart: to the report where there is one, else to the run.
    assert text.count(f'<a href="{report}"><circle') == 1
    assert text.count(f'<a href="{LINK.format(2)}"><circle') == 1
    trend = trend_page(trends(nights, ACCEPTED, period=timedelta(days=1)), producer="chamiperf 0.1.0")
    assert trend.count(f'<a href="{report}">report</a>') == 1
    assert trend.count(f'<a href="{LINK.format(3)}">run</a>') == 1


@pytest.mark.parametrize("link", ["javascript:alert(1)", 'https://x.example/" onclick="x'])
def test_a_link_that_is_none_of_the_web_leads_nowhere(link):
    text = page_of(pages([made_night(0).model_copy(update={"link": link})]), "bootscript p99")
    hrefs = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: hrefs.extend(dict(attrs).get("href", "") for _ in [tag])
    parser.feed(text)
    assert {href for href in hrefs if href} == {INDEX, "#nights"}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_name_is_text_and_no_file_name(name):
    files = pages([made_night(0, endpoints=(name,))])
    assert all(re.fullmatch(r"index\.html|metric-[0-9a-f]{16}\.html", found) for found in files)
    assert not [text for text in files.values() if re.search(r"<(script|img|iframe)\b", text)]


def test_the_command_writes_the_site_and_removes_what_is_no_more(tmp_path):
    store = FolderHistory(tmp_path / "history")
    add(store, [made_run(number, noise=0.02) for number in range(3)], None, link=LINK.format(1))
    write_document(tmp_path / "baselines.json", ACCEPTED)
    (tmp_path / "site").mkdir()
    stale, other = tmp_path / "site" / "metric-0000000000000000.html", tmp_path / "site" / "CNAME"
    stale.write_text("old")
    other.write_text("perf.example")
    arguments = ["site", "--history", store.root, "--baselines", tmp_path / "baselines.json"]
    done = CliRunner().invoke(history, [*map(str, arguments), "--output", str(tmp_path / "site")])
    assert done.exception is None
    assert (stale.exists(), other.read_text()) == (False, "perf.example")
    assert "no night" not in (tmp_path / "site" / INDEX).read_text(encoding="utf-8")
