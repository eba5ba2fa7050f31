"""What all units of a world share: its time, its internet, its card issuers, its client programs, its texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from graphsvc.errors import BadUsage
from graphsvc.simulate.dice import Dice, mean_log
from graphsvc.simulate.pack import Pack, load_pack
from graphsvc.simulate.people import Issuers, Workshop, load_clients
from graphsvc.simulate.places import Internet
from graphsvc.simulate.plan import Unit, plan
from graphsvc.simulate.spec import NEVER, Archetype, Later, Range, Review, WorldSpec

OWN_TEXT_SHARE = 0.4
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MODELS = ("aurora-mini", "aurora-mini", "aurora", "aurora", "aurora-max")
NEW_MODEL = "aurora-max-2"
TOOLS = ("search_web", "read_file", "write_file", "run_shell", "get_weather", "query_db", "send_mail", "calendar_list",
         "fetch_url", "list_products", "create_ticket", "plot")  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """`scale`: requests of an account whose volume factor is 1, so that the world's mean is what its spec says.
    `own_share`: how many ordinary questions are public prompts (`own_texts`) that one unit alone uses.
    `later`: the change of tactics; `adopts`: how much of everybody's traffic moves to the new model at least; `marks`:
    units of the groups on which operators lean."""

    seed: int
    start_ms: int
    end_ms: int
    release_ms: int
    scale: float
    internet: Internet
    issuers: Issuers
    workshop: Workshop
    pack: Pack
    own_share: float
    own_texts: Sequence[str]
    archetypes: Mapping[str, Archetype]
    review: Review | None = None
    later: Later | None = None
    adopts: Range = NEVER
    marks: Mapping[str, Sequence[Unit]] = field(default_factory=dict)

    @property
    def later_ms(self) -> int:
        """When tactics change; the world's end where they do not."""
        share = self.later.after if self.later else 1.0
        return self.start_ms + int(share * (self.end_ms - self.start_ms))

    def archetype_at(self, archetype: Archetype, ms: int) -> Archetype:
        """The archetype as it is at a moment of the world."""
        if self.later is None or ms < self.later_ms:
            return archetype
        return self.later.archetypes.get(archetype.name, archetype)


def set_scene(spec: WorldSpec) -> Scene:
    """The scene of a world. Raises BadUsage where the start is no date, or a given folder holds nothing of use."""
    start_ms = _start_ms(spec.start)
    dice = Dice.of(spec.seed, "scene")
    pack = load_pack(Path(spec.prompts) if spec.prompts else None)
    own = list(pack.own)
    dice.shuffle(own)
    return Scene(
        seed=spec.seed,
        start_ms=start_ms,
        end_ms=start_ms + spec.days * DAY_MS,
        release_ms=start_ms + int(dice.between(spec.release.at) * spec.days * DAY_MS),
        scale=spec.requests / _mean_volume(spec),
        internet=Internet(spec.accounts, dice, Path(spec.networks) if spec.networks else None),
        issuers=Issuers(spec.accounts, dice),
        workshop=Workshop(load_clients()),
        pack=pack,
        own_share=min(OWN_TEXT_SHARE, len(own) / (spec.accounts * spec.requests)),
        own_texts=own,
        archetypes=spec.archetypes,
        review=spec.review,
        later=spec.later,
        adopts=spec.release.adopts or NEVER,
        marks=_marks(spec),
    )


def _marks(spec: WorldSpec) -> dict[str, list[Unit]]:
    """The units of those groups on which operators lean."""
    known = [*spec.archetypes.values(), *(spec.later.archetypes.values() if spec.later else ())]
    named = {group for it in known if it.poison for group in (*it.poison.hides, *it.poison.frames)}
    marks: dict[str, list[Unit]] = {}
    for unit in plan(spec) if named else ():
        if unit.archetype.name in named:
            marks.setdefault(unit.archetype.name, []).append(unit)
    return marks


def _start_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadUsage("The world's start is not a date.", hint="Give it as 2026-01-05.") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _mean_volume(spec: WorldSpec) -> float:
    abusive, called = sum(spec.abusive_share) / 2, sum(wave.share for wave in spec.waves)
    mixes = [(spec.operators, abusive), (spec.innocents, max(0.0, 1 - abusive - called))]
    mixes += [({wave.group: 1.0}, wave.share) for wave in spec.waves]
    total = 0.0
    for mix, share in mixes:
        whole = sum(mix.values()) or 1.0
        total += sum(
            share * weight / whole * mean_log(spec.archetypes[name].activity.volume) for name, weight in mix.items()
        )
    return total
