"""`observability/compose.yml` and what it mounts fit together; Docker itself is not needed for that."""

import re

import pytest
import yaml
from watching import ROOT

FOLDER = ROOT / "observability"
COMPOSE = yaml.safe_load((FOLDER / "compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]


def read(path):
    return yaml.safe_load((FOLDER / path).read_text(encoding="utf-8"))


def mounts(name):
    """Source and target of each mount of a service."""
    for mount in SERVICES[name].get("volumes", ()):
        if isinstance(mount, str):
            source, target, *_ = mount.split(":")
            yield source, target
        else:
            yield mount["source"], mount["target"]


def of_the_repository():
    return [(name, source) for name in SERVICES for source, _ in mounts(name) if source.startswith(".")]


@pytest.mark.parametrize("name", SERVICES)
def test_each_image_has_a_version(name):
    assert re.fullmatch(r"(\$\{\w+:-)?[\w./-]+:v?\d+\.\d+\.\d+\}?", SERVICES[name]["image"])


@pytest.mark.parametrize(("name", "source"), of_the_repository())
def test_what_is_mounted_is_there(name, source):
    assert (FOLDER / source).exists(), name


def test_volumes_that_are_mounted_are_declared():
    named = {source for name in SERVICES for source, _ in mounts(name) if not source.startswith((".", "/"))}
    assert named == set(COMPOSE["volumes"])


def test_only_loopback_is_listened_on():
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_prometheus_asks_services_of_the_file():
    jobs = read("prometheus/prometheus.yml")["scrape_configs"]
    static = [each for job in jobs for each in job.get("static_configs", ())]
    asked = {target.partition(":")[0] for each in static for target in each["targets"]}
    assert asked == {"collector", "node-exporter", "cadvisor"}
    assert asked <= set(SERVICES)


def test_grafana_asks_the_prometheus_of_the_file():
    (source,) = read("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in SERVICES


def test_grafana_reads_the_dashboards_where_they_are_mounted():
    (provider,) = read("grafana/provisioning/dashboards/chamicore.yml")["providers"]
    assert ("../dashboards", provider["options"]["path"]) in mounts("grafana")


@pytest.mark.parametrize("name", ["collector", "prometheus"])
def test_a_program_is_given_a_file_that_is_mounted(name):
    (given,) = [each.partition("=")[2] for each in SERVICES[name]["command"] if each.startswith("--config")]
    places = [FOLDER / given.replace(target, source) for source, target in mounts(name) if given.startswith(target)]
    assert [place for place in places if place.is_file()]


def test_the_collector_is_of_the_version_that_is_built_from_modules():
    version = read("collector/manifest.yaml")["dist"]["version"]
    assert SERVICES["collector"]["image"].endswith(f":{version}")


def test_each_port_is_in_the_documentation():
    text = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    ports = {port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", ())}
    assert not [port for port in ports if port not in text]
