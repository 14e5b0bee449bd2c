"""Where nothing reaches 127.0.0.1 no stack is started, and that is said at once."""

import subprocess
import sys

APART = ("unshare", "--user", "--map-root-user", "--net")


def test_a_network_without_loopback_is_named_before_anything_is_started(tmp_path):
    command = [sys.executable, "-m", "chamiperf_ci", "stack", "up", "--state-dir", tmp_path / "state"]
    ended = subprocess.run([*APART, *command], capture_output=True, text=True, check=False, timeout=50)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "127.0.0.1 cannot be reached: Network is unreachable (the interface lo)." in ended.stderr
    assert [path.name for path in (tmp_path / "state").iterdir()] in ([], ["lock"])
