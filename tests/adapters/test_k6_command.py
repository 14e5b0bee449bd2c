"""What a k6 process is asked, and what it does not inherit."""

from pathlib import Path

import pytest

from chamiperf_ci.adapters.k6 import K6Run, Segment
from chamiperf_ci.adapters.k6.command import arguments, environment
from chamiperf_ci.models.plan import UNCOLLECTED

SECRET = "planted-secret"


def _run(tmp_path, **fields):
    return K6Run(
        binary=Path("/opt/k6"),
        script=Path("/scripts/boot_storm.js"),
        folder=tmp_path,
        environment={"CHAMICORE_INTERNAL_TOKEN": SECRET},
        **fields,
    )


def test_secrets_travel_by_environment_and_never_by_argument(tmp_path):
    run = _run(tmp_path)
    assert SECRET not in " ".join(arguments(run, address="127.0.0.1:1", parent=1))
    assert environment(run)["CHAMICORE_INTERNAL_TOKEN"] == SECRET


def test_secrets_are_not_in_the_text_of_a_run(tmp_path):
    assert SECRET not in repr(_run(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        *("K6_NEW_MACHINE_READABLE_SUMMARY", "K6_FEATURES", "K6_NO_USAGE_REPORT", "K6_VUS", "K6_OUT"),
        *("GITHUB_TOKEN", "CHAMICORE_TOKEN", "AWS_SECRET_ACCESS_KEY", "BOOT_P99_TARGET_MS"),
    ],
)
def test_settings_and_secrets_of_the_surroundings_stay_outside(tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert name not in environment(_run(tmp_path))


def test_the_users_own_collector_wins_over_the_plans(tmp_path, monkeypatch):
    monkeypatch.delenv("GOGC", raising=False)
    assert "GOGC" not in environment(_run(tmp_path))
    assert environment(_run(tmp_path, gogc=400))["GOGC"] == "400"
    # Up to what was planned for it; a heap of many VUs would else grow to five times what lives in it.
    monkeypatch.delenv("GOMEMLIMIT", raising=False)
    assert "GOMEMLIMIT" not in environment(_run(tmp_path, memory_mb=3000.2))
    assert environment(_run(tmp_path, gogc=400, memory_mb=3000.2))["GOMEMLIMIT"] == "3000200000B"
    assert environment(_run(tmp_path, gogc=400, memory_mb=150.0))["GOMEMLIMIT"] == "512000000B"
    # `off` leaves out Go's collection every two minutes as well, but would grow without a limit.
    assert environment(_run(tmp_path, gogc=UNCOLLECTED, memory_mb=3000.2))["GOGC"] == "off"
    assert environment(_run(tmp_path, gogc=UNCOLLECTED))["GOGC"] == "1000000"
    monkeypatch.setenv("GOMEMLIMIT", "1GiB")
    assert environment(_run(tmp_path, gogc=400, memory_mb=3000.2))["GOMEMLIMIT"] == "1GiB"
    monkeypatch.setenv("GOGC", "50")
    assert environment(_run(tmp_path, gogc=400))["GOGC"] == "50"


def test_settings_of_an_output_that_is_wanted_are_passed_on(tmp_path):
    run = K6Run(Path("k6"), Path("s.js"), tmp_path, environment={"K6_PROMETHEUS_RW_SERVER_URL": "http://127.0.0.1:9"})
    assert environment(run)["K6_PROMETHEUS_RW_SERVER_URL"] == "http://127.0.0.1:9"


def test_redirects_are_answers_and_the_users_own_configuration_takes_no_part(tmp_path):
    asked = arguments(_run(tmp_path), address="127.0.0.1:1", parent=1)
    assert asked[asked.index("--max-redirects") + 1] == "0"
    assert asked[asked.index("--config") + 1] == str(tmp_path / "k6.config")


def test_a_whole_load_starts_at_once(tmp_path):
    assert "--paused" not in arguments(_run(tmp_path), address="127.0.0.1:1", parent=1)


@pytest.mark.parametrize(
    ("segment", "expected"),
    [(Segment(0, 3), "0:1/3"), (Segment(1, 3), "1/3:2/3"), (Segment(2, 3), "2/3:1")],
)
def test_segments_share_the_load_without_gap_and_wait_for_each_other(segment, expected):
    asked = segment.arguments()
    assert asked == [
        "--execution-segment", expected, "--execution-segment-sequence", "0,1/3,2/3,1", "--paused",
    ]  # fmt: skip


def test_labels_go_only_where_an_output_carries_them(tmp_path):
    sent = arguments(_run(tmp_path, tags={"run_id": "w1"}, outputs=("json",)), address="127.0.0.1:1", parent=1)
    kept = arguments(_run(tmp_path, tags={"run_id": "w1"}), address="127.0.0.1:1", parent=1)
    assert ("--tag=run_id=w1" in sent, "--tag=run_id=w1" in kept) == (True, False)
