"""How people use their own accounts: sessions by the day's rhythm, conversations, payments, limits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from graphsvc.events.types import Message
from graphsvc.simulate.dice import Dice
from graphsvc.simulate.member import Face, Member
from graphsvc.simulate.scene import DAY_MS, HOUR_MS, NEW_MODEL, Scene
from graphsvc.simulate.scribe import Asked, Scribe
from graphsvc.simulate.spec import Activity
from graphsvc.simulate.talk import Talk

MINUTE_MS = 60_000
RHYTHMS = {
    "day": (1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 14, 12, 11, 12, 13, 12, 11, 10, 9, 8, 7, 6, 4, 2),
    "evening": (3, 2, 1, 1, 1, 1, 2, 4, 4, 4, 4, 4, 5, 5, 5, 6, 7, 9, 12, 15, 16, 14, 10, 6),
    "office": (0.2, 0.1, 0.1, 0.1, 0.1, 0.3, 1, 6, 14, 16, 15, 13, 8, 13, 15, 14, 12, 7, 3, 1, 1, 1, 0.5, 0.3),
    "night": (12, 12, 10, 8, 6, 3, 2, 2, 2, 3, 3, 4, 4, 4, 4, 4, 5, 5, 6, 7, 8, 10, 12, 13),
    "flat": (1,) * 24,
}
HOURS = {name: list(accumulate(weights)) for name, weights in RHYTHMS.items()}
OVERLOADED, FAULT, UNAUTHORISED, LIMITED = 529, 500, 401, 429
ASKED_AGAIN, RETRY_WITHIN_MS = 0.6, 30_000
"""What failed is mostly asked once more, by hand or by the client."""
FAULTS = ((0.004, OVERLOADED), (0.0065, FAULT), (0.0072, UNAUTHORISED))


def moment_ms(from_ms: int, until_ms: int, rhythm: str, zone_hours: float, dice: Dice) -> int:
    """A moment of somebody's day within [from_ms, until_ms); those with office hours mostly rest on weekends."""
    for _ in range(8):
        day_ms = from_ms + int(dice.random() * (until_ms - from_ms))
        day_ms -= day_ms % DAY_MS
        if rhythm == "office" and (day_ms // DAY_MS + 3) % 7 > 4 and dice.chance(0.9):
            continue
        hour = dice.choices(range(24), cum_weights=HOURS[rhythm])[0]
        ms = day_ms + int(((hour - zone_hours) % 24 + dice.random()) * HOUR_MS)
        if from_ms <= ms < until_ms:
            return ms
    return from_ms + int(dice.random() * (until_ms - from_ms))


def sitting(turns: float, dice: Dice) -> int:
    """Requests of somebody's session, who asks `turns` in a conversation."""
    return 1 + int(dice.expovariate(1 / (1.8 * turns)))


def pause_ms(dice: Dice) -> int:
    """From one request of a session to the next: reading, thinking, a coffee."""
    return int(MINUTE_MS * min(90.0, dice.lognormvariate(0.3, 1.0))) + 2000


def status_of(member: Member, ms: int, dice: Dice) -> int:
    """What the service answers: its own faults now and then, 429 where the account's window is full."""
    if not member.admits(ms):
        return LIMITED
    point = dice.random()
    return next((status for below, status in FAULTS if point < below), 200)


def asked(member: Member, messages: list[Message], ms: int, status: int, scene: Scene, dice: Dice) -> Asked:
    """A request of the account's habits, with the output that its status allows."""
    habits = member.habits
    moved = min(1.0, (ms - scene.release_ms) / habits.adopts_ms)
    released = moved > 0 and dice.chance(habits.adopts * moved)
    output = int(habits.verbosity * dice.lognormvariate(0.0, 0.6)) if status == 200 else 0
    return Asked(messages, NEW_MODEL if released else dice.one(habits.models), status, output)


def live(member: Member, activity: Activity, talk: Talk, scene: Scene, scribe: Scribe, dice: Dice) -> None:
    """Everything that the account's holder does with it from `joined_ms` to `until_ms`."""
    from_ms, until_ms = max(member.joined_ms, scene.start_ms), member.until_ms
    if activity.wave_hours:
        from_ms = member.joined_ms if member.joined_ms >= scene.start_ms else _wave_start(member, scene)
        until_ms = min(until_ms, from_ms + int(dice.between(activity.wave_hours) * HOUR_MS))
    until_ms = max(until_ms, from_ms + 1)
    if activity.interval_minutes:
        _tick(member, activity.interval_minutes, from_ms, until_ms, talk, scene, scribe, dice)
    else:
        use(member, member.face, from_ms, until_ms, member.habits.volume, talk, scene, scribe, dice)


def use(
    member: Member, face: Face, from_ms: int, until_ms: int, volume: int, talk: Talk, scene: Scene, scribe: Scribe,
    dice: Dice,
) -> None:  # fmt: skip
    """Sessions with about `volume` requests in all within [from_ms, until_ms)."""
    habits, left = member.habits, volume
    sizes = []
    while left > 0:
        sizes.append(min(left, sitting(habits.turns, dice)))
        left -= sizes[-1]
    starts = sorted(moment_ms(from_ms, until_ms, habits.rhythm, habits.zone_hours, dice) for _ in sizes)
    for start_ms, size in zip(starts, sizes, strict=True):
        _session(member, face, start_ms, until_ms, size, talk, scene, scribe, dice)


def _session(
    member: Member, face: Face, ms: int, until_ms: int, size: int, talk: Talk, scene: Scene, scribe: Scribe, dice: Dice
) -> None:
    ip, device = face.session(ms, dice)
    if dice.chance(0.15 if member.key else 0.5):
        scribe.login(member, ms, ip, device, dice)
    messages: list[Message] = []
    again = False
    for _ in range(size):
        ms += 2000 + dice.below(RETRY_WITHIN_MS) if again else pause_ms(dice)
        if ms >= until_ms:
            return
        if not again:
            messages = _next(messages, ms, member, talk, dice)
        status = status_of(member, ms, dice)
        scribe.request(member, ms, ip, device, asked(member, messages, ms, status, scene, dice), dice)
        if status == LIMITED:
            if dice.chance(0.1):
                scribe.enforcement(member, ms + 1, "rate_limited", "five-hour limit", dice)
            return
        again = status != 200 and dice.chance(ASKED_AGAIN)
        if status == 200:
            messages.append(talk.reply())
            talk.leave(ms, messages)
        elif not again:
            messages.pop()


def _next(messages: list[Message], ms: int, member: Member, talk: Talk, dice: Dice) -> list[Message]:
    """The conversation with one more turn, or another one: somebody else's of the unit, or a new one."""
    going_on = messages and dice.chance(1 - 1 / member.habits.turns)
    before = messages if going_on else talk.taken_up(ms)
    return [*before, talk.followup(member.habits)] if before else talk.opening(member.habits)


def _tick(
    member: Member, interval_minutes: tuple[float, float], from_ms: int, until_ms: int, talk: Talk, scene: Scene,
    scribe: Scribe, dice: Dice,
) -> None:  # fmt: skip
    """One request at each tick: a job that runs by itself."""
    step_ms = int(dice.between_log(interval_minutes) * MINUTE_MS)
    count = min(member.habits.volume, max(1, (until_ms - from_ms) // step_ms))
    slack_ms = max(1, until_ms - from_ms - count * step_ms)
    start_ms = from_ms + dice.below(slack_ms)
    for tick in range(count):
        ms = start_ms + tick * step_ms + dice.below(1 + step_ms // 200)
        if ms >= until_ms:
            return
        ip, device = member.face.session(ms, dice)
        messages = talk.opening(member.habits)
        status = status_of(member, ms, dice)
        scribe.request(member, ms, ip, device, asked(member, messages, ms, status, scene, dice), dice)


def enrol(member: Member, face: Face, scene: Scene, scribe: Scribe, dice: Dice) -> None:
    """The signup and the payments of an account."""
    ip, device = face.session(member.signup_ms, dice)
    scribe.signup(member, ip, device, dice)
    pay(member, member.signup_ms, scene, scribe, dice)
    if dice.chance(0.006) and scene.start_ms < member.until_ms:
        ms = max(member.joined_ms, scene.start_ms) + 1
        scribe.enforcement(member, ms + dice.below(max(1, member.until_ms - ms)), "warned", "usage policy", dice)


def pay(member: Member, from_ms: int, scene: Scene, scribe: Scribe, dice: Dice) -> None:
    """The account's payments from a moment on, by its card if it has one."""
    if member.card:
        for ms, outcome in _payments(member, from_ms, scene, dice):
            scribe.payment(member, member.card, ms, outcome, dice)


def _payments(member: Member, from_ms: int, scene: Scene, dice: Dice) -> Iterator[tuple[int, str]]:
    ms = from_ms + int(dice.expovariate(1 / 6.0) * HOUR_MS)
    while ms < member.until_ms:
        if dice.chance(member.declined):
            yield ms, "declined"
            ms += int(dice.between((0.02, 30.0)) * HOUR_MS)
            continue
        yield ms, "authorised"
        back_ms = ms + int(dice.between((3.0, 40.0)) * DAY_MS)
        if dice.chance(member.charged_back) and back_ms < scene.end_ms:
            yield back_ms, "charged_back"
        ms += 30 * DAY_MS


def _wave_start(member: Member, scene: Scene) -> int:
    """When accounts older than the world take part in a wave: at the same moment for those who joined on one day."""
    span_ms = max(HOUR_MS, (scene.end_ms - scene.start_ms) * 3 // 4)
    return scene.start_ms + (member.joined_ms // DAY_MS * 7 * HOUR_MS) % span_ms
