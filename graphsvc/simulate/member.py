"""An account from inside: who holds it and what it shows to the outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphsvc.events.types import Device
from graphsvc.simulate.dice import Dice
from graphsvc.simulate.pack import Area
from graphsvc.simulate.people import Card
from graphsvc.simulate.places import Internet
from graphsvc.simulate.scene import HOUR_MS
from graphsvc.simulate.spec import Mix

WINDOW_MS = 5 * HOUR_MS


@dataclass(slots=True)
class Face:
    """Devices and addresses of an account. Sessions must be asked for in the order of time. `hub`: addresses of
    innocents among whom the account hides in `hub_use` of its sessions."""

    internet: Internet
    devices: Sequence[Device]
    shared_device: Device | None
    shared_device_use: float
    own_kind: Mix
    lease_ms: int
    shared_address: str | None
    shared_address_use: float
    carrier: Sequence[str]
    mobile: float
    vpn: float
    roaming: float
    hub: Sequence[str] = ()
    hub_use: float = 0.0
    lease_until_ms: int = 0
    own_address: str = ""

    def session(self, ms: int, dice: Dice) -> tuple[str, Device]:
        """The address and the device of a session that begins now."""
        return self._address(ms, dice), self._device(dice)

    def _address(self, ms: int, dice: Dice) -> str:
        if self.hub and dice.chance(self.hub_use):
            return dice.one(self.hub)
        point = dice.random()
        if point < self.mobile:
            return dice.one(self.carrier)
        if point < self.mobile + self.vpn:
            return dice.popular(self.internet.vpn_exits)
        if point < self.mobile + self.vpn + self.roaming:
            return self.internet.home(dice)
        if self.shared_address and dice.chance(self.shared_address_use):
            return self.shared_address
        if ms >= self.lease_until_ms:
            self.own_address = self.internet.own(self.own_kind, dice)
            self.lease_until_ms = ms + int(self.lease_ms * dice.between((0.6, 1.4)))
        return self.own_address

    def _device(self, dice: Dice) -> Device:
        if self.shared_device and (not self.devices or dice.chance(self.shared_device_use)):
            return self.shared_device
        return self.devices[0] if dice.chance(0.7) else dice.one(self.devices)


@dataclass(slots=True)
class Habits:
    """How somebody uses the service. `volume`: requests in the whole world; `limit`: requests in a five-hour window;
    `adopts`: share of them that goes to a new model, reached `adopts_ms` after its release."""

    volume: int
    rhythm: str
    zone_hours: float
    turns: float
    verbosity: float
    models: Sequence[str]
    adopts: float
    adopts_ms: int
    tools: Sequence[str]
    areas: Sequence[Area]
    system: str
    job: str
    limit: int


@dataclass(slots=True)
class Member:
    """One account of a unit. It signed up at `signup_ms`, is in its unit's hands from `joined_ms` on, and acts until
    `until_ms`; `banned_ms` is when the provider banned it."""

    account_id: str
    signup_ms: int
    joined_ms: int
    until_ms: int
    banned_ms: int | None
    mail: str
    phone: str | None
    org: str | None
    referral: str | None
    channel: str
    plan: str
    country: str
    key: str | None
    card: Card | None
    declined: float
    charged_back: float
    face: Face
    habits: Habits
    window: int = 0
    used: int = 0

    def admits(self, ms: int) -> bool:
        """Whether the five-hour window, floored to the hour, still has room; counts the request."""
        if ms >= self.window + WINDOW_MS or ms < self.window:
            self.window, self.used = ms - ms % HOUR_MS, 0
        self.used += 1
        return self.used <= self.habits.limit
