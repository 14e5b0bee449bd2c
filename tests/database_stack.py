"""Tests that start a stack on a PostgreSQL of its own: only where its server is installed."""

import os
import shutil
from pathlib import Path

import pytest

_INSTALLED = shutil.which("initdb") or sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))

needs_postgres = pytest.mark.skipif(
    # In CI its absence is a failure, not a skip: .ci/run installs it.
    not _INSTALLED and not os.environ.get("CI"),
    reason="PostgreSQL's server is not installed",
)
