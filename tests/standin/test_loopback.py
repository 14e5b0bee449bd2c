"""Where nothing reaches 127.0.0.1 no stack is started, and that is said at once."""

import errno
import os
import subprocess
import sys

import pytest

from chamicore_standin import catalogue
from chamiperf_ci.errors import ConfigurationError

APART = ("unshare", "--user", "--map-root-user", "--net")


def test_no_port_is_reserved_where_nobody_could_reach_it(monkeypatch):
    def unreachable(*_, **__):
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    monkeypatch.setattr(catalogue.socket, "create_connection", unreachable)
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1 cannot be reached: Network is unreachable"):
        catalogue.reserve_ports({"smd": 0})


@pytest.mark.skipif(
    subprocess.run([*APART, "true"], check=False, capture_output=True).returncode != 0, reason="needs namespaces"
)
def test_a_network_without_loopback_is_named_before_anything_is_started(tmp_path):
    command = [sys.executable, "-m", "chamiperf_ci", "stack", "up", "--state-dir", tmp_path / "state"]
    ended = subprocess.run([*APART, *command], capture_output=True, text=True, check=False, timeout=50)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "127.0.0.1 cannot be reached: Network is unreachable (the interface lo)." in ended.stderr
    assert [path.name for path in (tmp_path / "state").iterdir()] in ([], ["lock"])
