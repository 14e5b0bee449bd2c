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
        "| Full boot path p99 (register, boot script) | &#60; 200 ms | `boot path p99` | mixed_boot_path |",
        "| Bulk registration rate | &#62; 1,000/s | `registrations` | bulk_registration |",
    ],
)
def test_each_target_of_the_adr_names_its_row_and_where_it_is_stated(line):
    assert line in re.sub(" +", " ", targets_page(shipped_baselines()))


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
