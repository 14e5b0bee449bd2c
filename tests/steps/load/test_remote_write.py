import pytest
from made_targets import target

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.steps.load.request import labels, settings

URL = "K6_PROMETHEUS_RW_SERVER_URL"
WRITE = "http://prometheus.example/api/v1/write"


def said(environment, native_histograms=False, **of_target):
    return settings(environment, target(**of_target), native_histograms=native_histograms)


def test_the_targets_prometheus_is_written_to():
    assert said({}, prometheus="http://127.0.0.1:9090")[URL] == "http://127.0.0.1:9090/api/v1/write"


def test_a_url_that_is_set_goes_first():
    assert said({URL: WRITE}, prometheus="http://127.0.0.1:9090")[URL] == WRITE


def test_without_any_url_it_says_which_to_set():
    with pytest.raises(ConfigurationError, match=URL):
        said({})


def test_credentials_and_other_settings_of_the_output_are_handed_on_and_nothing_else():
    given = {URL: WRITE, "K6_PROMETHEUS_RW_BEARER_TOKEN": "planted", "K6_VUS": "9"}
    assert said(given)["K6_PROMETHEUS_RW_BEARER_TOKEN"] == "planted"
    assert "K6_VUS" not in said(given)


def test_more_than_the_p99_is_sent_unless_told_otherwise():
    assert "p(50)" in said({URL: WRITE})["K6_PROMETHEUS_RW_TREND_STATS"]
    assert said({URL: WRITE, "K6_PROMETHEUS_RW_TREND_STATS": "p(99)"})["K6_PROMETHEUS_RW_TREND_STATS"] == "p(99)"


def test_native_histograms_are_asked_for_by_name():
    assert said({URL: WRITE}, native_histograms=True)["K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM"] == "true"


def test_a_credential_within_the_url_is_refused():
    with pytest.raises(ConfigurationError):
        said({URL: "http://user:planted@prometheus.example/write"})


def test_processes_that_share_a_load_write_series_of_their_own():
    assert labels("w1", "boot_storm", "lab", 1, 2)["segment"] == "1"
    assert "segment" not in labels("w1", "boot_storm", "lab", 0, 1)
