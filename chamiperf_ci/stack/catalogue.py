"""The services of the contract: names, ports, API versions, the variables that carry their URLs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceEntry:
    """One service as the contract lists it (section 1.1), or a stand-in's own (`chamiperf` variables)."""

    name: str
    port: int
    api_version: str
    url_variable: str
    worker_pool: bool = False
    """Whether `--workers` applies: only to what nodes ask while they boot."""
    syncs_apart: bool = False
    """Whether it follows SMD by a process of its own."""
    needs: tuple[str, ...] = ()
    """Services without which it makes no sense; it is left out with them."""
    optional: bool = False
    """Started only when asked for."""


CATALOGUE: tuple[ServiceEntry, ...] = (
    ServiceEntry("auth", 3333, "auth/v1", "CHAMICORE_TEST_AUTH_URL"),
    ServiceEntry("smd", 27779, "hsm/v2", "CHAMICORE_TEST_SMD_URL"),
    ServiceEntry("bss", 27778, "boot/v1", "CHAMICORE_TEST_BSS_URL", worker_pool=True, syncs_apart=True),
    ServiceEntry(
        "cloud-init", 27777, "cloud-init/v1", "CHAMICORE_TEST_CLOUDINIT_URL", worker_pool=True, syncs_apart=True
    ),
    ServiceEntry("discovery", 27776, "discovery/v1", "CHAMICORE_TEST_DISCOVERY_URL"),
    ServiceEntry("power", 27775, "power/v1", "CHAMICORE_TEST_POWER_URL"),
    ServiceEntry("mcp", 27774, "mcp/v1", "CHAMICORE_TEST_MCP_URL"),
    ServiceEntry("kea", 8000, "kea", "CHAMIPERF_KEA_URL"),
    ServiceEntry("kea-sync", 27773, "kea-sync", "CHAMIPERF_KEASYNC_URL", needs=("smd", "kea")),
    ServiceEntry("gateway", 8080, "gateway", "CHAMIPERF_GATEWAY_URL", optional=True),
)


def entry(name: str) -> ServiceEntry:
    """The entry of a service.

    Raises:
        KeyError: No such service.
    """
    return {each.name: each for each in CATALOGUE}[name]


def names() -> tuple[str, ...]:
    """Every service's name, in the order in which they are started."""
    return tuple(each.name for each in CATALOGUE)
