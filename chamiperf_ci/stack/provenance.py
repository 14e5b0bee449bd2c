"""What a stack says about itself: what it was built from, and what it is sized like."""

import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import chamiperf_ci
from chamiperf_ci.models.stack import StackOptions

_SWITCHES = ("tls", "dev_mode", "bulk", "auto_rows", "delete_orphans", "truncate_sync")
"""The options that change what a service does for a request or a sync."""


@cache
def commit() -> str:
    """The commit of the checkout that the stack runs from; `unknown` for an installed package."""
    root = Path(chamiperf_ci.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return "unknown"
    try:
        shown = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:
        return "unknown"
    return shown.stdout.strip() or "unknown"


@cache
def build_date() -> str:
    """When the package was last changed on disk, RFC 3339 in UTC."""
    changed = Path(chamiperf_ci.__file__).stat().st_mtime
    return datetime.fromtimestamp(changed, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sizing(options: StackOptions) -> str:
    """What a stack of these options is sized like, in words that go into a run's fingerprint."""
    time = f"{options.service_time_ms:g} ms (seed {options.seed})" if options.service_time_ms else "none"
    switches = [name.replace("_", "-") for name in _SWITCHES if getattr(options, name)]
    return "; ".join(
        (
            f"embedded; service time on boot script and cloud-init documents: {time}",
            f"workers {options.workers}",
            f"sync every {options.sync_interval_s:g} s after {options.sync_delay_s:g} s",
            f"page clamp {options.page_clamp}",
            f"switches: {', '.join(switches) or 'none'}",
            f"without: {', '.join(sorted(options.without)) or 'nothing'}",
        )
    )
