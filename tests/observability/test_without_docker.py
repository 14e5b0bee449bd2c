"""`observability/up` where Docker does not run: one line on each part, started or missing."""

import os
import shutil
import subprocess

import pytest
from watching import ROOT

pytestmark = pytest.mark.e2e

NEEDED = ("bash", "cp", "cut", "dirname", "head", "ls", "mkdir", "sed", "sleep", "tail", "env")


@pytest.fixture
def up(tmp_path):
    """Run it on a machine that has these programs and no other; a program is a line of shell."""

    def run(**programs):
        shutil.copytree(ROOT / "observability", tmp_path / "observability")
        (tmp_path / "bin").mkdir()
        for name in NEEDED:
            (tmp_path / "bin" / name).symlink_to(shutil.which(name))
        for name, line in programs.items():
            path = tmp_path / "bin" / name
            path.write_text(f"#!{shutil.which('bash')}\n{line}\n", encoding="utf-8")
            path.chmod(0o755)
        return subprocess.run(
            [tmp_path / "observability" / "up"],
            env={**os.environ, "PATH": str(tmp_path / "bin")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_with_nothing_installed_each_part_says_how_to_get_it(up):
    done = up()
    assert done.returncode == 4
    for part in ("Collector: not built", "Prometheus: not installed", "node-exporter: not installed", "Grafana: "):
        assert part in done.stderr


def test_a_part_that_ends_at_once_is_named_with_its_last_words(up):
    done = up(prometheus="echo port 9090 is taken; exit 1")
    assert done.returncode == 4
    assert "prometheus: ended again; " in done.stderr
    assert "port 9090 is taken" in done.stderr
