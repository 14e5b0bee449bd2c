import pytest
from made_runs import made_run

from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.models.run import ServerMetric
from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.steps.report import time_splits

BOOTSCRIPT = {"method": "GET", "route": "/boot/v1/bootscript"}


def figure(name, value, **labels):
    return ServerMetric(
        service="bss", name=name, unit="ms", direction=Direction.LOWER, value=value, labels=labels
    )  # fmt: skip


def split(*figures, endpoint="bootscript"):
    run = made_run(endpoints=(endpoint,))
    return run, tuple(time_splits(run.model_copy(update={"server": figures}), dialect()))


def test_what_was_seen_is_the_sum_of_its_parts():
    run, (found,) = split(figure("server_mean", 2.0, **BOOTSCRIPT), figure("db_time_per_request", 0.5))
    assert (found.database, found.service) == (0.5, 1.5)
    assert found.database + found.service + found.front == pytest.approx(found.seen)
    assert found.seen == run.series[0].phases["sustained"].mean


def test_without_a_database_the_whole_answer_is_the_services():
    _, (found,) = split(figure("server_mean", 2.0, **BOOTSCRIPT))
    assert (found.database, found.service) == (None, 2.0)


@pytest.mark.parametrize("part", ["{id}", "{key}", "{component_id}"])
def test_a_route_is_matched_whatever_its_parts_are_called(part):
    labels = {"method": "GET", "route": f"/boot/v1/bootparams/{part}"}
    _, found = split(figure("server_mean", 2.0, **labels), endpoint="bootparams-get")
    assert [each.endpoint for each in found] == ["bootparams-get"]


def test_another_method_is_another_route():
    _, found = split(figure("server_mean", 2.0, **{**BOOTSCRIPT, "method": "POST"}))
    assert found == ()


def test_a_service_that_says_nothing_leaves_its_endpoints_out():
    assert split()[1] == ()
