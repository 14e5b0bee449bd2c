"""What is said of others' boot scripts that are not as they were before the seeding."""

from types import SimpleNamespace

import pytest

from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.adapters.http_client import Answer
from chamiperf_ci.models.seed import SharedStack
from chamiperf_ci.steps.seed import inventory
from chamiperf_ci.steps.seed.inventory import Inventory

MACS = [f"02:00:00:00:00:{number:02d}" for number in range(50)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (0, []),
        (1, [f"the boot script of {MACS[0]}, which is not ours, is another one now"]),
        (3, [f"3 boot scripts, which are not ours, are others now: {', '.join(MACS[:3])}"]),
        (50, [f"50 boot scripts, which are not ours, are others now: {', '.join(MACS[:3])} and 47 more"]),
    ],
)
def test_however_many_are_others_now_they_are_one_sentence(changed, said):
    before = SharedStack(counts={}, bootscripts=dict.fromkeys(MACS[:changed], "digest of what was there"))
    client = SimpleNamespace(dialect=dialect(), send=lambda *_, **__: Answer("GET", "url", 200, {}, b"#!ipxe"))
    assert inventory.differences(client, before, Inventory(())) == said
