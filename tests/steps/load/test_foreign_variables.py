"""Variables of Chamicore's own scripts."""

import pytest

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.steps.load.request import refuse_thresholds


@pytest.mark.parametrize("prefix", ["BOOT", "CLOUDINIT", "INVENTORY"])
@pytest.mark.parametrize("suffix", ["P99_TARGET_MS", "ERROR_RATE_MAX"])
def test_a_threshold_is_refused_by_its_name(prefix, suffix, tmp_path):
    with pytest.raises(ConfigurationError, match=f"{prefix}_{suffix}=250"):
        refuse_thresholds({f"{prefix}_{suffix}": "250"}, tmp_path / "baselines.json")


@pytest.mark.parametrize(
    ("variable", "metric", "line"), [("BOOT_P99_TARGET_MS", "p99", 7), ("BOOT_ERROR_RATE_MAX", "errors", 2)]
)
def test_the_line_that_decides_instead_is_named(variable, metric, line, tmp_path):
    path = tmp_path / "baselines.json"
    lines = ["{", '"errors": {}', '"auth_under_load": {', '"p99": {}', '"boot_storm": {', '"p50": {}', '"p99": {}']
    path.write_text("\n".join(lines), encoding="ascii")
    with pytest.raises(ConfigurationError, match=f"{metric} is decided by .*baselines.json, line {line}"):
        refuse_thresholds({variable: "250"}, path)


@pytest.mark.parametrize("variables", [{}, {"BOOT_P99_TARGET_MS": ""}, {"BOOT_FULL_RAMP_TARGET_VUS": "10"}])
def test_anything_else_is_none_of_our_business(variables, tmp_path):
    refuse_thresholds(variables, tmp_path / "baselines.json")
