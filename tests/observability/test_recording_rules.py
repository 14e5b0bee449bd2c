import subprocess

import pytest
from watching import RULES

pytestmark = pytest.mark.needs_prometheus


def checked(*command):
    return subprocess.run(command, cwd=RULES, capture_output=True, text=True, check=False, timeout=120)


def test_the_configuration_and_its_rules_are_valid(promtool):
    done = checked(promtool, "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_do_what_their_tests_say(promtool):
    done = checked(promtool, "test", "rules", "rules_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_reads_a_renamed_metric_fails_its_tests(promtool, tmp_path):
    for path in RULES.glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        if path.name == "recording.yml":
            text = text.replace("http_server_request_duration_seconds_count", "http_server_duration_seconds_count")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    command = (promtool, "test", "rules", "rules_test.yml")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
