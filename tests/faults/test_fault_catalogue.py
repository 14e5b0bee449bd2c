"""Every row of the catalogue: break it, run the commands, and compare what came of it with what must."""

import faults_baselines
import faults_concurrency
import faults_credentials
import faults_disk
import faults_generator
import faults_github
import faults_metrics
import faults_stack
import pytest
from fault_table import entry

THEMES = (
    faults_stack.STACK,
    faults_credentials.CREDENTIALS,
    faults_generator.GENERATOR,
    faults_disk.DISK,
    faults_metrics.METRICS,
    faults_github.GITHUB,
    faults_concurrency.CONCURRENCY,
    faults_baselines.BASELINES,
)
ROWS = [row for theme in THEMES for row in theme.rows]


@pytest.mark.parametrize("fault", [pytest.param(row, id=f"{row.theme}: {row.name}") for row in ROWS])
def test_a_fault_ends_as_it_must(fault, stage, record_property):
    fault.act(stage)
    observed = stage.observed()
    record_property("fault", entry(fault, observed))
    assert observed.differences(fault.must) == [], observed.said
    assert not observed.is_silent_pass(fault.must)
    assert not observed.is_slow_without_cause(fault.must)
