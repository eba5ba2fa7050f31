"""What an address tells beyond itself: its subnet, its autonomous system, the kind of network."""

from __future__ import annotations

import csv
import ipaddress
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from graphsvc.errors import BadInput

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SHIPPED_TABLE = Path(__file__).with_name("asn.csv")
CACHED_ADDRESSES = 200_000
SUBNET_BITS = {4: 24, 6: 48}


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed client address. `asn` is like AS64500 or '', `kind` the network's kind (hosting, isp, …) or ''."""

    text: str
    subnet: str
    asn: str
    kind: str


@dataclass(frozen=True, slots=True)
class Allocation:
    network: Network
    asn: str
    kind: str


class NetworkTable:
    """Longest-prefix look-up of addresses in a table of allocations."""

    def __init__(self, allocations: Iterable[Allocation]) -> None:
        rows = list(allocations)
        self._ranges = {version: _flatten([r for r in rows if r.network.version == version]) for version in (4, 6)}
        self.look_up = lru_cache(CACHED_ADDRESSES)(self._look_up)

    @classmethod
    def load(cls, path: Path | None) -> NetworkTable:
        """Reads a CSV with the columns network, asn, name, kind. Raises BadInput that names the line."""
        return cls(_read(path or SHIPPED_TABLE))

    def _look_up(self, raw: str) -> Address:
        """Raises ValueError where `raw` is no IPv4 or IPv6 address."""
        address = ipaddress.ip_address(raw.strip().partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        prefix = SUBNET_BITS[address.version]
        host_bits = address.max_prefixlen - prefix
        base = ipaddress.ip_address((int(address) >> host_bits) << host_bits)
        if base.version != address.version:
            base = ipaddress.IPv6Address(int(base))
        starts, owners = self._ranges[address.version]
        index = bisect_right(starts, int(address)) - 1
        owner = owners[index] if index >= 0 else None
        return Address(
            text=str(address),
            subnet=f"{base}/{prefix}",
            asn=owner.asn if owner else "",
            kind=owner.kind if owner else "",
        )


def _read(path: Path) -> Iterable[Allocation]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not {"network", "asn", "kind"} <= set(rows.fieldnames or ()):
            raise BadInput("The ASN table lacks one of the columns network, asn, kind.", hint="See its first line.")
        for row in rows:
            try:
                network = ipaddress.ip_network(row["network"].strip(), strict=False)
                number = int(row["asn"].strip().upper().removeprefix("AS"))
            except ValueError:
                raise BadInput(f"The ASN table's line {rows.line_num} has a bad network or number.") from None
            yield Allocation(network, f"AS{number}", row["kind"].strip())


def _flatten(rows: list[Allocation]) -> tuple[list[int], list[Allocation | None]]:
    """Nested networks as disjoint ranges: sorted starts, and who owns the range from each start on."""
    marks: dict[int, Allocation | None] = {}
    open_rows: list[Allocation] = []

    def close_before(start: int) -> None:
        while open_rows and int(open_rows[-1].network.broadcast_address) < start:
            ended = open_rows.pop()
            marks[int(ended.network.broadcast_address) + 1] = open_rows[-1] if open_rows else None

    for row in sorted(rows, key=lambda r: (int(r.network.network_address), r.network.prefixlen)):
        close_before(int(row.network.network_address))
        marks[int(row.network.network_address)] = row
        open_rows.append(row)
    close_before(2**128 + 1)
    starts = sorted(marks)
    return starts, [marks[start] for start in starts]
