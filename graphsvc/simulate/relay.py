"""A relay: one stream of conversations over a pool of accounts, under a scheduler, with cooldowns and hops."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from graphsvc.events.types import Device, Message
from graphsvc.simulate.dice import Dice
from graphsvc.simulate.live import (
    FAULT,
    LIMITED,
    MINUTE_MS,
    OVERLOADED,
    UNAUTHORISED,
    asked,
    moment_ms,
    pause_ms,
    sitting,
    status_of,
)
from graphsvc.simulate.marks import Cover
from graphsvc.simulate.member import WINDOW_MS, Habits, Member
from graphsvc.simulate.scene import HOUR_MS, Scene
from graphsvc.simulate.scribe import Scribe
from graphsvc.simulate.spec import Relay
from graphsvc.simulate.talk import Talk

SHARD = 64
DECOY_CHANCE = 0.1
COOLDOWN_MS = {OVERLOADED: 600_000, FAULT: 300_000, UNAUTHORISED: 1_800_000}


@dataclass(slots=True)
class Seat:
    """An account in the pool: its shift, when it was last used, until when it rests, and its session.

    An operator that wants an account to look like a person's uses it at one person's hours.
    """

    member: Member
    share: float
    shift_from: int
    shift_hours: int
    rest_days: frozenset[int]
    last_ms: int = 0
    rests_until_ms: int = 0
    session_until_ms: int = 0
    ip: str = ""
    device: Device = field(default_factory=Device)

    def ready(self, ms: int) -> bool:
        if not (self.member.joined_ms <= ms < self.member.until_ms and self.rests_until_ms <= ms):
            return False
        hour = ms // HOUR_MS - self.shift_from
        return hour % 24 < self.shift_hours and hour // 24 % 7 not in self.rest_days


@dataclass(slots=True)
class Thread:
    """Somebody's sitting on its way through the pool: `turns` requests more, in one conversation after the other."""

    habits: Habits
    turns: int
    shard: int
    seat: Seat | None = None
    seated_ms: int = 0
    messages: list[Message] = field(default_factory=list)


class Pool:
    """The scheduler's view of the accounts; a large pool is cut into shards, as relays do."""

    def __init__(self, relay: Relay, members: Sequence[Member], ttl_ms: int, dice: Dice) -> None:
        self.scheduler = dice.pick(relay.schedulers)
        self._relay, self._ttl_ms, self._dice, self._turn = relay, ttl_ms, dice, 0
        seats = [self._new_seat(member) for member in members]
        self._shards = [seats[at : at + SHARD] for at in range(0, len(seats), SHARD)]
        self._current: dict[int, tuple[Seat, int]] = {}

    def shard(self) -> int:
        return self._dice.below(len(self._shards))

    def seat(self, shard: int, ms: int) -> Seat | None:
        """The account for the next request, or None where all rest or are gone."""
        seat, since_ms = self._current.get(shard, (None, 0))
        if seat and self.scheduler == "sticky" and ms < since_ms + self._ttl_ms and seat.ready(ms):
            return seat
        ready = [seat for seat in self._shards[shard] if seat.ready(ms)]
        if not ready:
            return None
        self._turn += 1
        chosen = self._choose(ready)
        self._current[shard] = chosen, ms
        return chosen

    def _new_seat(self, member: Member) -> Seat:
        dice, relay = self._dice, self._relay
        rest_days = frozenset(dice.sample(range(7), dice.whole(relay.rest_days)))
        return Seat(member, dice.lognormvariate(0.0, 0.7), dice.below(24), dice.whole(relay.shift_hours), rest_days)

    def _choose(self, ready: Sequence[Seat]) -> Seat:
        match self.scheduler:
            case "lru":
                return min(ready, key=lambda seat: seat.last_ms)
            case "round_robin":
                return ready[self._turn % len(ready)]
            case "weighted":
                return self._dice.choices(ready, [seat.share for seat in ready])[0]
            case "fill_first":
                return ready[0] if self._dice.chance(0.6) else self._dice.one(ready[:8])
            case _:
                return self._dice.one(ready)


class Operation:
    """One ring's traffic through its pool."""

    def __init__(
        self,
        relay: Relay,
        members: Sequence[Member],
        talk: Talk,
        scene: Scene,
        scribe: Scribe,
        dice: Dice,
        cover: Cover | None = None,
    ) -> None:
        self._talk, self._scene, self._scribe, self._dice = talk, scene, scribe, dice
        self._ttl_ms = int(dice.between_log(relay.ttl_minutes) * MINUTE_MS)
        self._pool = Pool(relay, members, self._ttl_ms, dice)
        self._members = members
        self._pacing = dice.pick(relay.pacing)
        self._hop = dice.between(relay.hop)
        self._strays = 0.0 if self._pool.scheduler == "sticky" else dice.between((0.0, 0.6)) * self._hop
        self._from_ms = max(scene.start_ms, min(member.joined_ms for member in members))
        self._until_ms = min(scene.end_ms, max(member.until_ms for member in members))
        self._customers = self._users(relay)
        self._decoy, self._decoy_turns = _decoy(cover) if cover else (None, 0)

    def run(self) -> None:
        """Carries the whole workload: as many requests as the pool's accounts are meant to make."""
        queue: list[tuple[int, int, Thread]] = []
        left = sum(member.habits.volume for member in self._members)
        for number in range(left):
            thread = self._thread()
            left -= thread.turns
            queue.append((self._arrival(thread), number, thread))
            if left <= 0:
                break
        heapq.heapify(queue)
        while queue:
            ms, number, thread = heapq.heappop(queue)
            if (next_ms := self._step(thread, ms)) is not None and next_ms < self._until_ms:
                heapq.heappush(queue, (next_ms, number, thread))

    def _users(self, relay: Relay) -> list[Habits]:
        """Whose traffic it is: customers with fields and hours of their own, or the operator's jobs."""
        dice, own = self._dice, self._members[0].habits
        systems = dice.between(relay.systems)
        if relay.customers is None:
            return [own]
        areas, rhythms = self._scene.pack.areas, ("day", "evening", "night", "flat")
        return [
            replace(own, areas=dice.sample(list(areas), 2), rhythm=dice.one(rhythms), zone_hours=dice.between((-9, 10)),
                    system=dice.one(self._scene.pack.agent_system).draw(dice) if dice.chance(systems) else "")
            for _ in range(dice.whole(relay.customers))
        ]  # fmt: skip

    def _thread(self) -> Thread:
        habits = self._dice.popular(self._customers)
        # Who asks little has short sittings.
        most = self._dice.one(self._members).habits.volume
        return Thread(habits, min(sitting(habits.turns, self._dice), most), self._pool.shard())

    def _arrival(self, thread: Thread) -> int:
        dice, span_ms = self._dice, self._until_ms - self._from_ms
        if self._pacing == "customers":
            return moment_ms(self._from_ms, self._until_ms, thread.habits.rhythm, thread.habits.zone_hours, dice)
        if self._pacing == "batch":
            run_ms = self._from_ms + dice.below(9) * span_ms // 9
            return run_ms + int(dice.random() * min(span_ms // 9, 14 * HOUR_MS))
        return self._from_ms + int(dice.random() * span_ms)

    def _step(self, thread: Thread, ms: int) -> int | None:
        """One request of the thread. Gives the time of its next one, None where it is over."""
        seat = self._lured(thread, ms) or self._seat(thread, ms)
        if seat is None:
            return None
        asks_again = bool(thread.messages) and thread.messages[-1].role == "user"
        if not asks_again:
            goes_on = thread.messages and self._dice.chance(1 - 1 / thread.habits.turns)
            thread.messages = (
                [*thread.messages, self._talk.followup(thread.habits)] if goes_on else self._talk.opening(thread.habits)
            )
        status = self._ask(seat, thread, ms)
        if status != 200:
            self._rest(seat, ms, status)
            thread.seat = None
            return ms + 1000 + self._dice.below(8000) if self._dice.chance(self._hop) else None
        thread.messages.append(self._talk.reply())
        thread.turns -= 1
        if thread.turns <= 0:
            return None
        return ms + pause_ms(self._dice)

    def _lured(self, thread: Thread, ms: int) -> Seat | None:
        """The framed person's account, into which the operator feeds a running conversation now and then."""
        if not self._decoy_turns or not thread.messages or not self._dice.chance(DECOY_CHANCE):
            return None
        if self._decoy is None or not self._decoy.ready(ms):
            return None
        self._decoy_turns -= 1
        return self._decoy

    def _seat(self, thread: Thread, ms: int) -> Seat | None:
        """The thread's own account while its session lasts, else another one, to which the conversation hops."""
        seat, dice = thread.seat, self._dice
        if seat and seat.ready(ms) and ms < thread.seated_ms + self._ttl_ms:
            if not dice.chance(self._strays):
                return seat
        elif seat and not dice.chance(self._hop):
            return None
        thread.seat, thread.seated_ms = self._pool.seat(thread.shard, ms), ms
        return thread.seat

    def _ask(self, seat: Seat, thread: Thread, ms: int) -> int:
        member, dice = seat.member, self._dice
        if ms >= seat.session_until_ms:
            seat.ip, seat.device = member.face.session(ms, dice)
            seat.session_until_ms = ms + int(self._ttl_ms * dice.between((0.5, 3.0)))
            if dice.chance(0.15 if member.key else 0.4):
                self._scribe.login(member, ms, seat.ip, seat.device, dice)
        seat.last_ms = ms
        status = status_of(member, ms, dice)
        request = asked(member, thread.messages, ms + 900, status, self._scene, dice)
        self._scribe.request(member, ms + 900, seat.ip, seat.device, request, dice)
        return status

    def _rest(self, seat: Seat, ms: int, status: int) -> None:
        if status == LIMITED:
            seat.rests_until_ms = seat.member.window + WINDOW_MS
            if self._dice.chance(0.1):
                self._scribe.enforcement(seat.member, ms + 901, "rate_limited", "five-hour limit", self._dice)
        else:
            seat.rests_until_ms = ms + COOLDOWN_MS[status]


def _decoy(cover: Cover) -> tuple[Seat | None, int]:
    """A seat that the framed person's account never asked for, and how many turns it is given."""
    if cover.person is None:
        return None, 0
    return Seat(cover.person, 0.0, 0, 24, frozenset()), cover.hops
