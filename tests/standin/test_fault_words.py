"""A fault as a report names it."""

import pytest

from chamiperf_ci.models.faults import Latency, LoseSync, SyncStop, in_words


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            Latency(id="75ad32", service="bss", route="bootscript", set_at=1.5, latency_ms=6.0),
            "bss bootscript: latency (layer service, latency_ms 6)",
        ),
        (LoseSync(service="bss", count=17, seed=3, secret=True), "bss: lose-sync (secret True)"),
        (SyncStop(service="kea-sync"), "kea-sync: sync-stop"),
    ],
)
def test_a_fault_is_named_by_its_place_kind_and_sizes_and_keeps_its_secret(fault, words):
    assert in_words(fault) == words
