import json

import pytest

from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.models.dialect import Identities
from chamiperf_ci.steps.load.validity import failure_samples

SEEDED, WRITTEN = (Identities(dialect().identity, run, "198.18.0.0/15") for run in ("r2026a", "w4711b"))


def kept(*bodies: str) -> list[str]:
    lines = tuple(json.dumps({"endpoint": "bootscript", "status": 500, "error": "x", "body": body}) for body in bodies)
    return [sample.body for sample in failure_samples(lines, (SEEDED, WRITTEN))]


def test_three_answers_are_kept_and_cut_short():
    assert kept("a" * 600, "b", "c", "d") == ["a" * 512, "b", "c"]


def test_an_answer_is_cut_by_bytes_and_between_characters():
    assert kept("a" + "é" * 600) == ["a" + "é" * 255]


def test_a_line_of_another_shape_is_left_out():
    assert failure_samples(("no JSON", "[]"), (SEEDED,)) == ()


@pytest.mark.parametrize(
    "body",
    [
        f'{{"id": "{SEEDED.id(7)}", "macAddr": "{SEEDED.mac(7)}"}}',
        f'{{"componentId":"{WRITTEN.id(3)}"}}',
        f"#!ipxe for {SEEDED.mac(9).upper().replace(':', '-')}",
        '{"metadata": {"id": "3f1c2d6a-8d6b-4f5e-9a61-2f0c9b7d1e55"}}',
        '{"id": "',
        "<html>502 Bad Gateway</html>",
    ],
)
def test_an_answer_about_our_own_nodes_is_kept(body):
    assert kept(body) == [body]


@pytest.mark.parametrize(
    "body",
    [
        f'[{{"id": "{SEEDED.id(7)}"}}, {{"id": "x1000c0s0b0n0"}}]',
        '{"component_id": "x1000c0s0b0n0"}',
        '{"id": "x1000c0s0b0',
        "kernel for a4:bf:01:2e:3d:11",
        '{"id": "chamiperf-other1-7"}',
    ],
)
def test_an_answer_that_names_somebody_elses_node_is_withheld(body):
    assert kept(body) == ["(withheld: it names nodes that are not this run's)"]
