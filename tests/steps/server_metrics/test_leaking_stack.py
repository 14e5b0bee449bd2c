"""A leak that the embedded stack is told to have, in what is said of its memory."""

import time

import pytest
from made_targets import target_of

from chamicore_standin import faulting
from chamiperf_ci.adapters.prometheus import Scraper, scraped
from chamiperf_ci.models.faults import Leak
from chamiperf_ci.models.vocabulary import TargetVerdict
from chamiperf_ci.steps.server_metrics.figures import memory_growth
from chamiperf_ci.steps.server_metrics.tracks import Recorder

pytestmark = pytest.mark.e2e


def _growth_of_bss(state):
    """As if each look were a minute after the one before."""
    target, recorder = target_of(state), Recorder()
    with Scraper(target, timeout_s=5) as scraper:
        for minute in range(40):
            samples = scraper.scrape(scraped(target)["bss"])
            recorder.add(60.0 * minute, [(each.name, each.labels, each.value) for each in samples])
            time.sleep(0.05)
    (found,) = memory_growth("bss", recorder.recording(), str)
    return found


def test_a_leak_misses_the_target_of_stable_memory_and_a_whole_stack_meets_it(make_stack):
    state = make_stack(without=("cloud-init", "discovery", "power", "mcp", "kea", "kea-sync"))
    assert _growth_of_bss(state).judged.verdict is TargetVerdict.MET
    faulting.set_fault(state, Leak(service="bss", mb_per_s=50))
    assert _growth_of_bss(state).judged.verdict is TargetVerdict.MISSED
