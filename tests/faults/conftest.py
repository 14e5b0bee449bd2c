"""The stage for the catalogue's rows, and the table at the end."""

import pytest
from fault_stage import Stage, shared_stack
from fault_table import table

from chamicore_standin import faulting


def pytest_collection_modifyitems(items):
    """Everything in this folder is the catalogue's: it has a make target of its own."""
    for item in items:
        if "faults" in item.path.parent.name:
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """What all rows of a process share."""
    with shared_stack(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.fixture
def stage(request, tmp_path, make_stack, monkeypatch):
    """A row's own stage; whatever it broke is whole again afterwards."""
    asked = []

    def share():
        asked.append(request.getfixturevalue("shared"))
        return asked[0]

    made = Stage(tmp_path, share, make_stack, monkeypatch)
    with made.held:
        yield made
    if asked:
        faulting.clear_faults(asked[0].state)


def pytest_terminal_summary(terminalreporter):
    """Print what became of every fault."""
    rows = [
        dict(report.user_properties)["fault"]
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call" and "fault" in dict(report.user_properties)
    ]
    if rows:
        terminalreporter.write_line(table(rows))
