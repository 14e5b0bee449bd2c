import re
from pathlib import Path

import pytest
from made_runs import shipped_baselines

from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.render.tables import targets_page

ROOT = Path(__file__).parent.parent.parent


def test_the_page_is_current():
    assert (ROOT / "docs" / "targets.md").read_text() == targets_page(shipped_baselines()), "stale: make docs"


@pytest.mark.parametrize(
    "line",
    [
        "| mixed_boot_path | `boot path p99` &lt; 200 ms | sustained | ADR-012 |",
        "| bulk_registration | `registrations` &gt; 1,000 components/s | sustained | ADR-012 |",
    ],
)
def test_each_target_stands_with_where_it_applies_and_who_says_so(line):
    assert line in re.sub(" +", " ", targets_page(shipped_baselines()))


def test_no_target_of_the_adr_is_missing():
    page = targets_page(shipped_baselines())
    rows = ("p50", "p95", "p99", "boot path p99", "service throughput", "registrations", "errors", "db_query_p99",
            "pool_utilisation", "memory_growth")  # fmt: skip
    assert [row for row in rows if f"`{row}`" not in page] == []


def test_where_sources_differ_both_values_and_the_choice_are_named():
    page = targets_page(shipped_baselines())
    assert "`p99` &lt; 10 ms or &lt; 100 ms on the embedded stack" in page
    assert "Chamicore's own file says 5, 8 and 10" in page


def test_a_tolerance_of_its_own_is_listed():
    rules = {
        "scenarios": {"boot_storm": {"metrics": {"p99": {"tolerance": 0.3, "tolerance_source": "a runner's noise"}}}}
    }
    page = targets_page(Baselines.model_validate({"producer": "test", "rules": rules}))
    assert "- boot_storm, `p99`: 30 % (a runner's noise)" in page
