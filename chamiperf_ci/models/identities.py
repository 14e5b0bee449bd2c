"""A node's names by formula: id, MAC and IP follow from a run id and an index, so that no list is stored or passed.

`k6/api.json` states the formula, with vectors that Python and k6 both test.
"""

import ipaddress
import re
from dataclasses import dataclass

from chamiperf_ci.models.dialect import IdentityRules

_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619
_32_BITS = 0xFFFFFFFF
_20_BITS = 0xFFFFF


@dataclass(frozen=True, slots=True)
class Identities:
    """The names of one run's nodes.

    Args:
        rules: As the dialect states them.
        run_id: Matches the rules' expression.
        network: IPv4 CIDR of the addresses, which repeat when it is smaller than the number of nodes.
    """

    rules: IdentityRules
    run_id: str
    network: str

    def id(self, index: int) -> str:
        """The component id of a node, `index` from 0."""
        return self.rules.id.replace("{run}", self.run_id).replace("{index}", str(index))

    def mac(self, index: int) -> str:
        """The MAC of a node, in lower case with colons; locally administered."""
        digits = f"02{fold(self.run_id):05x}{index:05x}"
        return ":".join(digits[at : at + 2] for at in range(0, 12, 2))

    def ip(self, index: int) -> str:
        """The address of a node, never the network's first or last."""
        network = ipaddress.IPv4Network(self.network)
        return str(network.network_address + 1 + index % (network.num_addresses - 2))

    def values(self, index: int) -> dict[str, str]:
        """What the dialect's templates take."""
        mac = self.mac(index)
        return {"id": self.id(index), "mac": mac, "mac_encoded": mac.replace(":", "%3A"), "ip": self.ip(index)}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose node an id is: its run and its index."""

    run_id: str
    index: int


def owner_of(component_id: str, rules: IdentityRules) -> Owner | None:
    """Read an id back; None for one that the formula does not make, down to a padded index."""
    pattern = (
        re.escape(rules.id).replace(re.escape("{run}"), "(?P<run>.+)").replace(re.escape("{index}"), r"(?P<n>\d+)")
    )
    match = re.fullmatch(pattern, component_id, re.ASCII)
    if match is None or re.fullmatch(rules.run_id.removeprefix("^").removesuffix("$"), match["run"]) is None:
        return None
    index = int(match["n"])
    if str(index) != match["n"] or index > rules.max_index:
        return None
    return Owner(match["run"], index)


def fold(run_id: str) -> int:
    """FNV-1a (32 bits) over the run id's ASCII bytes, folded to 20 bits."""
    value = _FNV_OFFSET
    for byte in run_id.encode("ascii"):
        value = ((value ^ byte) * _FNV_PRIME) & _32_BITS
    return (value ^ (value >> 20)) & _20_BITS
