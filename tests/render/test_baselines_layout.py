import difflib
import json

import pytest
from made_runs import accepting, made_run, shipped_baselines
from pydantic import ValidationError

from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.render.baselines import json_layout, layout

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
    assert json_layout(data) == (
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


def changed_lines(before, after):
    lines = difflib.unified_diff(layout(before).splitlines(), layout(after).splitlines(), n=0, lineterm="")
    return [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]


def test_one_more_run_adds_its_head_and_changes_one_line_a_metric():
    before = accepting(lax_baselines(), [made_run(number) for number in range(4)])
    after = accepting(before, [made_run(4)])
    changed = changed_lines(before, after)
    gone = [line for line in changed if line[0] == "-"]
    assert gone[0] == f'-  "accepted_digest": "{before.accepted_digest}",'
    assert all('"metric"' in line for line in gone[1:])
    assert len(gone) == 1 + 8
    assert len(changed) < 40


def test_replacing_five_runs_of_200_rows_is_a_diff_that_a_person_can_read():
    endpoints = tuple(f"operation-{number:02d}" for number in range(29))

    def five(first):
        return [made_run(first + each, endpoints=endpoints, noise=0.05, failed=first) for each in range(5)]

    before = accepting(lax_baselines(), five(0))
    after = accepting(before, five(5), act="replace")
    rows = {len(run.rows) for entry in after.accepted_runs.values() for run in entry.runs}
    assert min(rows) >= 200
    changed = changed_lines(before, after)
    # Of each metric the old line and the new one, beside the heads of ten runs.
    assert len(changed) <= 2 * max(rows) + 60


def test_a_metric_that_a_run_lacks_or_has_in_another_unit_comes_back_as_it_was():
    one, two = made_run(0, endpoints=("bootscript", "token")), made_run(1)
    baselines = accepting(lax_baselines(), [one, two])
    [entry] = baselines.accepted_runs.values()
    other = entry.runs[1].model_copy(update={"digest": "", "rows": (*entry.runs[1].rows[:-1], in_seconds(entry))})
    changed = entry.model_copy(update={"runs": (entry.runs[0], other)})
    data = baselines.model_copy(update={"accepted_runs": dict.fromkeys(baselines.accepted_runs, changed)})
    again = Baselines.model_validate_json(layout(data))
    assert again.accepted_runs == data.accepted_runs


def in_seconds(entry):
    return entry.runs[1].rows[-1].model_copy(update={"unit": "s"})


def test_a_file_of_rows_by_run_is_read_as_the_same_baselines():
    baselines = accepting(lax_baselines(), [made_run(0), made_run(1)])
    old = baselines.model_dump_json(by_alias=True, exclude_defaults=True)
    assert '"rows"' in old
    assert '"figures"' in layout(baselines)
    assert Baselines.model_validate_json(layout(baselines)) == baselines
    assert baselines.edited_by_hand() == ()


def damaged(change):
    data = json.loads(layout(accepting(lax_baselines(), [made_run(0), made_run(1)])))
    [entry] = data["accepted_runs"].values()
    change(entry)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda entry: entry["figures"][0]["values"].pop(), "has not one value"),
        (lambda entry: entry["figures"][0]["counts"].append(1), "has not one value"),
        (lambda entry: entry["runs"].pop(), "has not one value"),
        (
            lambda entry: entry["runs"][0].update(rows=[{"metric": "p50", "value": 1, "unit": "ms", "count": 1}]),
            "rows of its own beside the figures",
        ),
    ],
)
def test_figures_that_do_not_fit_the_runs_are_refused(change, wrong):
    with pytest.raises(ValidationError, match=wrong):
        Baselines.model_validate_json(damaged(change))


def test_a_figure_edited_by_hand_is_noticed():
    edited = Baselines.model_validate_json(damaged(lambda entry: entry["figures"][1]["values"].__setitem__(1, 99.5)))
    [found] = edited.edited_by_hand()
    assert found.startswith("accepted run boot0001 ")
