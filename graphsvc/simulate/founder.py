"""Makes the accounts of one unit under its policies of sharing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from graphsvc.events.types import Device
from graphsvc.simulate import people
from graphsvc.simulate.budget import policies_of
from graphsvc.simulate.dice import Dice
from graphsvc.simulate.fates import Fate
from graphsvc.simulate.marks import Cover
from graphsvc.simulate.member import Face, Habits, Member
from graphsvc.simulate.people import Card, Mailboxes, Wallet
from graphsvc.simulate.scene import DAY_MS, HOUR_MS, MODELS, TOOLS, Scene
from graphsvc.simulate.spec import Archetype, Range
from graphsvc.simulate.talk import pasted

T = TypeVar("T")
ZONES = (-8.0, -6.0, -5.0, -3.0, 0.0, 1.0, 1.0, 2.0, 3.0, 5.5, 7.0, 8.0, 9.0, 10.0)
QUICK_HOURS, SLOW_HOURS = (1.0, 20.0), (2.0, 300.0)
"""How long it takes from a release until as much of somebody's traffic as ever will has moved to the new model."""
MEAN_LOGNORMAL = 0.5
"""The mean of a log-normal is exp(s²/2); volumes are divided by it."""


class Shared(Generic[T]):
    """One thing for `by` accounts in a row, then the next; nothing where `by` is None."""

    def __init__(self, by: Range | None, make: Callable[[], T]) -> None:
        self._by = by
        self._make = make
        self._left = 0
        self._now: T | None = None

    def take(self, dice: Dice) -> T | None:
        if self._by is None:
            return None
        if self._left == 0:
            self._now, self._left = self._make(), max(1, dice.whole(self._by))
        self._left -= 1
        return self._now


@dataclass(frozen=True)
class Levels:
    """The unit's own values of the ranges that hold for all of its accounts."""

    device_use: float
    address_use: float
    mobile: float
    vpn: float
    roaming: float
    paying: float
    declined: float
    charged_back: float
    referral: float
    phone: float
    api: float
    tools: float
    turns: float
    verbosity: float
    volume: float
    adopts: float
    adopts_ms: int
    inherit: float


class Founder:
    """`kin` are dice that all units of one operator share: its policies, mail domain and cards are drawn by them.
    `cover`: the innocents on whom the unit leans."""

    def __init__(self, archetype: Archetype, scene: Scene, dice: Dice, kin: Dice, cover: Cover | None = None) -> None:
        self.cover = cover or Cover()
        self._archetype, self._scene, self._dice = archetype, scene, dice
        policies = policies_of(archetype, kin)
        self._addresses, self._devices = policies.addresses, policies.devices
        self._payments, self._mail = policies.payments, policies.mail
        self._mailboxes = Mailboxes(self._domain(kin), kin)
        self._source, self._one_source = kin.pick(self._mail.sources), kin.between((0.4, 0.97))
        self._wallet = Wallet(self._payments, scene.issuers, kin)
        self._levels = self._draw_levels()
        self._referral = dice.word(8).upper()
        self._org, self._org_share = f"org_{dice.word(12)}", dice.between(archetype.signups.org)
        self._zone, self._rhythm = dice.one(ZONES), dice.pick(archetype.activity.rhythms)
        self._country = dice.one(people.COUNTRIES)
        self._areas = dice.sample(range(len(scene.pack.areas)), 4)
        self._subnet: int | None = None
        self._share()

    def member(self, fate: Fate, predecessor: Member | None = None) -> Member:
        """A new account. A successor keeps each piece of its predecessor's infrastructure by chance."""
        dice, archetype, levels = self._dice, self._archetype, self._levels
        via_api = dice.chance(levels.api)
        habits = self._habits(via_api)
        card = self._card(predecessor)
        face = self._face(predecessor, via_api)
        until_ms = fate.banned_ms or self._leaves_ms(fate.joined_ms)
        return Member(
            account_id=people.account_id(dice),
            signup_ms=fate.joined_ms,
            joined_ms=fate.joined_ms,
            until_ms=until_ms,
            banned_ms=fate.banned_ms,
            mail=self._mail_address(),
            phone=(self._phones.take(dice) or people.phone(dice)) if dice.chance(levels.phone) else None,
            org=self._org if dice.chance(self._org_share) else None,
            referral=self._referral_code(),
            channel=dice.pick(archetype.signups.channels),
            plan=dice.pick(archetype.signups.plans),
            country=self._country if dice.chance(0.8) else dice.one(people.COUNTRIES),
            key=f"key_{dice.word(14)}" if via_api else None,
            card=card,
            declined=levels.declined,
            charged_back=levels.charged_back,
            face=face,
            habits=habits,
        )

    def face_for_stolen(self) -> Face:
        """The face under which the unit uses an account that is not its own."""
        return self._face(None, via_api=False)

    def face_of(self, member: Member) -> Face:
        """A new face for an account that the unit goes on using."""
        return self._face(None, via_api=member.key is not None)

    def new_card(self) -> Card:
        """Another instrument for an account that goes on paying."""
        return self._instruments.take(self._dice) or self._wallet.card(self._dice)

    def _draw_levels(self) -> Levels:
        dice, archetype, activity = self._dice, self._archetype, self._archetype.activity
        addresses, payments, signups = self._addresses, self._payments, archetype.signups
        return Levels(
            device_use=dice.between(self._devices.shared_use),
            address_use=dice.between(addresses.shared_use),
            mobile=dice.between(addresses.mobile),
            vpn=dice.between(addresses.vpn),
            roaming=dice.between(addresses.roaming),
            paying=dice.between(payments.paying),
            declined=dice.between(payments.declined),
            charged_back=dice.between(payments.charged_back),
            referral=dice.between(signups.referral),
            phone=dice.between(signups.phone),
            api=dice.between(activity.api),
            tools=dice.between(activity.tools),
            turns=dice.between(activity.turns),
            verbosity=dice.between_log(activity.verbosity),
            volume=dice.between_log(activity.volume),
            adopts=max(
                dice.between(archetype.relay.pivot if archetype.relay else activity.adopts),
                dice.between(self._scene.adopts),
            ),
            adopts_ms=int(dice.between_log(QUICK_HOURS if archetype.relay else SLOW_HOURS) * HOUR_MS),
            inherit=dice.between(archetype.provider.inherit),
        )

    def _domain(self, kin: Dice) -> str:
        schools = any("university" in mail.sources for mail in self._archetype.mail)
        return people.school_domain(kin) if schools else people.company_domain(kin)

    def _share(self) -> None:
        dice, scene = self._dice, self._scene
        same = dice.chance(dice.between(self._addresses.same_subnet))
        self._shared_addresses = Shared(self._addresses.shared_by, lambda: self._shared_address(same))
        self._shared_devices = Shared(
            self._devices.shared_by, lambda: scene.workshop.device(self._devices.clients, self._dice)
        )
        self._instruments = Shared(self._payments.instrument_by, lambda: self._wallet.card(self._dice))
        self._phones = Shared(self._archetype.signups.phone_by, lambda: people.phone(self._dice))

    def _shared_address(self, same_subnet: bool) -> str:
        kind = self._dice.pick(self._addresses.shared_kind)
        if kind == "isp" and not same_subnet:
            return self._scene.internet.home(self._dice)
        if self._subnet is None or not same_subnet:
            self._subnet = self._scene.internet.subnet(kind, self._dice)
        return self._scene.internet.in_subnet(self._subnet, self._dice)

    def _face(self, predecessor: Member | None, via_api: bool) -> Face:
        dice, levels, past = self._dice, self._levels, predecessor.face if predecessor else None
        address = self._shared_addresses.take(dice)
        device = self._shared_devices.take(dice)
        own: list[Device] = [self._device(via_api) for _ in range(dice.whole(self._devices.own))]
        keeps = self._archetype.provider.keeps
        if self.cover.person and dice.chance(self.cover.device):
            own = [self.cover.person.face.devices[0]] if self.cover.person.face.devices else own
        if past and past.shared_address and "network" in keeps and dice.chance(levels.inherit):
            address = past.shared_address
        if past and past.shared_device and "device" in keeps and dice.chance(levels.inherit):
            device = past.shared_device
        if past and past.devices and "device" in keeps and dice.chance(levels.inherit * 0.4):
            own = list(past.devices)
        return Face(
            internet=self._scene.internet,
            devices=own,
            shared_device=device,
            shared_device_use=levels.device_use,
            own_kind=self._addresses.own_kind,
            lease_ms=int(dice.between_log(self._addresses.lease_days) * DAY_MS),
            shared_address=address,
            shared_address_use=levels.address_use,
            carrier=dice.one(self._scene.internet.carriers),
            mobile=levels.mobile,
            vpn=levels.vpn,
            roaming=levels.roaming,
            hub=self.cover.hub,
            hub_use=self.cover.addresses,
        )

    def _device(self, via_api: bool) -> Device:
        return self._scene.workshop.device({"sdk": 1.0} if via_api else self._devices.clients, self._dice)

    def _card(self, predecessor: Member | None) -> Card | None:
        dice = self._dice
        person = self.cover.person
        if person and person.card and dice.chance(self.cover.card):
            return person.card
        if not dice.chance(self._levels.paying):
            return None
        keeps = "payment" in self._archetype.provider.keeps
        if keeps and predecessor and predecessor.card and dice.chance(self._levels.inherit * 0.3):
            return predecessor.card
        return self.new_card()

    def _mail_address(self) -> str:
        dice, person = self._dice, self.cover.person
        if person and dice.chance(self.cover.mail):
            name, domain = person.mail.split("@")
            return f"{name.split('+')[0]}+{dice.word(4)}@{domain}"
        return self._mailboxes.make(self._mail_source(), dice)

    def _mail_source(self) -> str:
        return self._source if self._dice.chance(self._one_source) else self._dice.pick(self._mail.sources)

    def _referral_code(self) -> str | None:
        if self.cover.code and self._dice.chance(self.cover.referral):
            return self.cover.code
        if self._dice.chance(self._levels.referral):
            return self._referral
        return self._dice.popular(people.PROMOTIONS) if self._dice.chance(0.04) else None

    def _leaves_ms(self, joined_ms: int) -> int:
        """The end of the world, or of somebody's interest."""
        dice, end_ms = self._dice, self._scene.end_ms
        if dice.chance(dice.between(self._archetype.activity.churn)):
            first_ms = max(joined_ms, self._scene.start_ms)
            return min(end_ms, first_ms + int(dice.between((0.02, 0.9)) * (end_ms - first_ms)) + 1)
        return end_ms

    def _habits(self, via_api: bool) -> Habits:
        dice, pack, activity, levels = self._dice, self._scene.pack, self._archetype.activity, self._levels
        factor = dice.lognormvariate(-MEAN_LOGNORMAL * activity.spread**2, activity.spread)
        areas = self._areas if dice.chance(0.6) else dice.sample(range(len(pack.areas)), 2)
        tools = dice.sample(TOOLS, 1 + dice.below(5)) if dice.chance(levels.tools) else ()
        return Habits(
            volume=max(1, round(self._scene.scale * levels.volume * factor)),
            rhythm=self._rhythm,
            zone_hours=self._zone,
            turns=levels.turns,
            verbosity=levels.verbosity * dice.between_log((0.6, 1.6)),
            models=(dice.one(MODELS), dice.one(MODELS)),
            adopts=levels.adopts,
            adopts_ms=levels.adopts_ms,
            tools=tools,
            areas=[pack.areas[index] for index in areas],
            system=dice.one(pack.agent_system).draw(dice) if dice.chance(0.5 if via_api else 0.15) else "",
            job=f"{dice.one(pack.job).draw(dice)}\n{pasted(pack, dice, 8, 24)}",
            limit=int(dice.between_log(activity.window_limit) * (5 if via_api else 1)),
        )
