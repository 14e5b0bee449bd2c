import difflib
import json

from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.render.baselines import laid_out, layout

SCENARIOS = {
    "auth_under_load": ("bootscript", "token"),
    "boot_storm": ("bootscript",),
    "bulk_registration": ("component-post", "interface-post", "bootparams-post", "payload-post"),
    "cloud_init_storm": ("meta-data", "user-data", "vendor-data"),
    "database_stress": tuple(f"operation-{number}" for number in range(12)),
    "dhcp_sync_burst": ("interface-patch", "interface-post", "interface-delete"),
    "inventory_scale": tuple(f"component-{what}" for what in ("get", "list", "put", "patch", "post", "delete")),
    "mixed_boot_path": ("component-post", "interface-post", "bootparams-post", "bootscript", "user-data"),
}


def night(number):
    """A night of all eight scenarios."""
    return [
        made_run(number, scenario=scenario, endpoints=endpoints, noise=0.05)
        for scenario, endpoints in SCENARIOS.items()
    ]


def lax_baselines():
    """No targets, which the made-up endpoints would miss."""
    return Baselines(producer="chamiperf 0.1.0")


def test_a_simple_object_stands_on_one_line_and_a_long_one_is_opened():
    data = {"short": {"a": [1, 2]}, "rows": [{"metric": "p99", "text": "x" * 130}, {"metric": "p50"}]}
    assert laid_out(data) == (
        "{\n"
        '  "short": {"a": [1, 2]},\n'
        '  "rows": [\n'
        f'    {{"metric": "p99", "text": "{"x" * 130}"}},\n'
        '    {"metric": "p50"}\n'
        "  ]\n"
        "}"
    )


def test_what_is_read_and_laid_out_again_is_the_same_text():
    text = layout(accepting(shipped_baselines(), [made_run(0), made_run(1)]))
    assert layout(Baselines.model_validate_json(text)) == text


def test_the_shipped_file_is_in_the_layout():
    baselines = shipped_baselines()
    text = layout(baselines)
    assert Baselines.model_validate_json(text) == baselines
    assert json.loads(text)["$schema"] == "./schemas/baselines.schema.json"


def test_order_of_acceptance_does_not_change_the_text():
    baselines = lax_baselines()
    one = accepting(accepting(baselines, [made_run(0)]), [made_run(1)])
    other = accepting(accepting(baselines, [made_run(1)]), [made_run(0)])
    assert layout(one) == layout(other)


def test_eight_scenarios_with_five_runs_each_stay_under_500_kb():
    baselines = lax_baselines()
    full = accepting(baselines, [run for number in range(5) for run in night(number)])
    assert sum(len(entry.runs) for entry in full.accepted_runs.values()) == 40
    assert len(layout(full).encode()) < 500_000


def test_one_more_run_adds_its_own_lines_and_changes_one():
    before = accepting(lax_baselines(), [made_run(number) for number in range(4)])
    after = accepting(before, [made_run(4)])
    lines = difflib.unified_diff(layout(before).splitlines(), layout(after).splitlines(), n=0, lineterm="")
    changed = [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert [line for line in changed if line[0] == "-"] == [f'-  "accepted_digest": "{before.accepted_digest}",']
    assert sum('"metric"' in line for line in changed) == 8
    assert len(changed) < 30
