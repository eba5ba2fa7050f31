"""The world's internet: homes, carriers, VPN exits and data centres, from the shipped network table or given lists."""

from __future__ import annotations

import csv
import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from graphsvc.config import resource
from graphsvc.errors import BadUsage
from graphsvc.simulate.dice import Dice
from graphsvc.simulate.spec import Mix

ACCOUNTS_PER_NEIGHBOURHOOD = 10
ACCOUNTS_PER_CARRIER_ADDRESS = 500
ACCOUNTS_PER_VPN_EXIT = 600
IPV6_SHARE = 0.12


@dataclass(frozen=True)
class Block:
    """A run of addresses: `first` and `size` as whole numbers."""

    first: int
    size: int


class Internet:
    """Hands out addresses. Homes lie in neighbourhoods (/24) that many accounts share; carriers put thousands behind
    few addresses; a VPN exit serves whoever pays for it."""

    def __init__(self, accounts: int, dice: Dice, networks: Path | None = None) -> None:
        self._blocks, self._six = _shipped()
        given = _given(networks) if networks else {}
        self._blocks["hosting"] = given.get("hosting") or self._blocks["hosting"]
        count = 40 + accounts // ACCOUNTS_PER_NEIGHBOURHOOD
        self._neighbourhoods = [self.subnet("isp", dice) for _ in range(count)]
        carriers = [dice.one(self._blocks["mobile"]) for _ in range(2 + accounts // 3000)]
        each = 2 + accounts // (ACCOUNTS_PER_CARRIER_ADDRESS * len(carriers))
        self.carriers = [[_in(block, dice) for _ in range(each)] for block in carriers]
        exits = given.get("vpn") or self._blocks["hosting"]
        self.vpn_exits = [_in(dice.one(exits), dice) for _ in range(4 + accounts // ACCOUNTS_PER_VPN_EXIT)]

    def home(self, dice: Dice) -> str:
        """An address of some household; IPv6 for some."""
        if dice.chance(IPV6_SHARE):
            return _six_in(dice.one(self._six), dice)
        return _host(dice.one(self._neighbourhoods), dice)

    def own(self, kinds: Mix, dice: Dice) -> str:
        """An address that one account has for itself for a while."""
        kind = dice.pick(kinds)
        return self.home(dice) if kind == "isp" else _host(self.subnet(kind, dice), dice)

    def subnet(self, kind: str, dice: Dice) -> int:
        """The first address of a /24 in a network of this kind."""
        block = dice.one(self._blocks[kind])
        return block.first + 256 * dice.below(max(1, block.size // 256))

    def in_subnet(self, first: int, dice: Dice) -> str:
        return _host(first, dice)


def _host(first: int, dice: Dice) -> str:
    return _dotted(first + 1 + dice.below(254))


def _in(block: Block, dice: Dice) -> str:
    return _dotted(block.first + dice.below(block.size))


def _dotted(address: int) -> str:
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


def _six_in(network: ipaddress.IPv6Network, dice: Dice) -> str:
    """An address in one of 64 sites (/48) of the network, so that neighbours exist there too."""
    site = dice.below(64) << 80
    return str(network.network_address + (site | dice.below(256) << 64 | dice.getrandbits(62)))


def _shipped() -> tuple[dict[str, list[Block]], list[ipaddress.IPv6Network]]:
    blocks: dict[str, list[Block]] = defaultdict(list)
    six = []
    with resource("events", "asn.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            network = ipaddress.ip_network(row["network"])
            if isinstance(network, ipaddress.IPv4Network):
                blocks[row["kind"]].append(_block(network))
            elif row["kind"] == "isp":
                six.append(network)
    return dict(blocks), six


def _block(network: ipaddress.IPv4Network) -> Block:
    return Block(int(network.network_address), network.num_addresses)


def _given(folder: Path) -> dict[str, list[Block]]:
    """Data-centre and VPN networks of a folder: CIDR lists (.txt) and tables of first and last address (.csv)."""
    found: dict[str, list[Block]] = {"hosting": [], "vpn": []}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        kind = "vpn" if "vpn" in file.name else "hosting"
        if file.suffix == ".txt":
            found[kind].extend(_cidr_lines(file))
        elif file.suffix == ".csv":
            found[kind].extend(_range_rows(file))
    if not any(found.values()):
        raise BadUsage("The networks folder has no list of networks (.txt with CIDR lines, .csv with address ranges).")
    return found


def _cidr_lines(file: Path) -> Iterator[Block]:
    for line in file.read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0].strip()
        if "/" in text and "." in text:
            yield _block(ipaddress.IPv4Network(text, strict=False))


def _range_rows(file: Path) -> Iterator[Block]:
    with file.open(encoding="utf-8", newline="") as rows:
        for row in csv.reader(rows):
            if len(row) > 1 and _is_address(row[:2]):
                first, last = (int(ipaddress.IPv4Address(cell)) for cell in row[:2])
                yield Block(first, last - first + 1)


def _is_address(cells: Sequence[str]) -> bool:
    return all(cell.count(".") == 3 and cell.replace(".", "").isdigit() for cell in cells)
