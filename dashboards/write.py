"""Writes the dashboards' JSON and a ConfigMap that holds them: `make dashboards`.

Both stand beside this module; a test fails where they are stale.
"""

from pathlib import Path

import yaml

from dashboards import boot_storm, comparison, database, services
from dashboards.grafana import dashboard_json

FOLDER = Path(__file__).resolve().parent
PAGES = {
    "boot-storm-overview": boot_storm.PAGE,
    "service-performance": services.PAGE,
    "database-performance": database.PAGE,
    "load-test-comparison": comparison.PAGE,
}
CONFIG_MAP = "configmap.yaml"


class _Text(str):
    """A string that YAML shows line by line."""

    __slots__ = ()


def files() -> dict[str, str]:
    """What is written, by file name."""
    boards = {f"{name}.json": dashboard_json(page) for name, page in PAGES.items()}
    return {**boards, CONFIG_MAP: _config_map(boards)}


def _config_map(boards: dict[str, str]) -> str:
    """A ConfigMap that Grafana's sidecar picks up by its label."""
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "chamicore-dashboards", "labels": {"grafana_dashboard": "1"}},
        "data": {name: _Text(text) for name, text in boards.items()},
    }
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False)


class _Dumper(yaml.SafeDumper):
    """Writes dashboards as blocks, so that a change of one shows as such."""


_Dumper.add_representer(
    _Text, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")
)


def main() -> None:
    """Write them all."""
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
