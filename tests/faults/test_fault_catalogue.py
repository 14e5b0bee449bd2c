"""Every row of the catalogue: break it, run the commands, and compare what came of it with what must."""

import pytest
from fault_page import PAGE, with_rows
from fault_table import entry
from fault_themes import THEMES

pytestmark = pytest.mark.timeout(600)
ROWS = [row for theme in THEMES for row in theme.rows]


@pytest.mark.parametrize("fault", [pytest.param(row, id=f"{row.theme}: {row.name}") for row in ROWS])
def test_a_fault_ends_as_it_must(fault, stage, record_property):
    fault.act(stage)
    observed = stage.observed()
    record_property("fault", entry(fault, observed))
    assert observed.differences(fault.must) == [], observed.said
    assert not observed.is_silent_pass(fault.must)
    assert not observed.is_slow_without_cause(fault.must)


def test_the_catalogue_has_sixty_faults_and_no_name_twice():
    assert len({(row.theme, row.name) for row in ROWS}) == len(ROWS) >= 60


def test_the_page_lists_the_rows_as_they_are():
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_rows(page, THEMES)
