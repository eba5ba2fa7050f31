"""Training: on this deployment's own labels, or on simulated worlds where it has none yet."""

from __future__ import annotations

import dataclasses
import random
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from pydantic import SecretStr

from graphsvc.config import Settings
from graphsvc.errors import BadInput, BadUsage
from graphsvc.events.protected import is_protected
from graphsvc.jobs.adapt import adapt_model, enough, where_to_start
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from graphsvc.jobs.models import register
from graphsvc.jobs.observe import Report, label_table, latest_ms, observe, observed, part, quiet, sync_tables, view_of
from graphsvc.jobs.unfinished import Unfinished
from graphsvc.ledger import open_ledger
from graphsvc.links.queries import FACTS
from graphsvc.links.tables import LinkTables
from graphsvc.links.thin import without

if TYPE_CHECKING:
    from gnn.ensemble import Model
    from gnn.train import Example, TrainConfig

STEPS_PER_EXAMPLE = 5
LOOKS = (0.4, 0.7, 1.0)
"""Shares of a log's events after which the network is looked at; what was decided later is what is to be learnt."""
FORECAST_LOOKS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Where only what comes after a look is learnt, the last look is not at the end."""
WORLD_KEY = "ab" * 32


LEFT_OUT = (
    ("email", "mail_domain"),
    ("phone",),
    ("device", "tls"),
    ("tls",),
    ("instrument", "bin"),
    ("asn",),
    ("org",),
    ("referral_code",),
    ("api_key",),
    ("conversation", "conversation_in_org"),
    ("prompt_family", "prompt_frame"),
)
LEFT_OUT_CHANCE = (0.1, 0.7)
"""Other providers record less than a simulated one, some far less: what a model learns must not hang on any one kind of
evidence."""


@dataclass(frozen=True)
class Worlds:
    """Simulated worlds to learn from: one for each name and seed, of about so many accounts and days."""

    names: tuple[str, ...]
    seeds: tuple[int, ...]
    accounts: int
    days: int

    def __str__(self) -> str:
        seeds = ", ".join(map(str, self.seeds))
        return f"{', '.join(self.names)}; seeds {seeds}; about {self.accounts:,} accounts and {self.days} days each"


@dataclass(frozen=True)
class Way:
    """How to go about a training. `device` cpu, cuda or auto; `challenger`: whether the model shall judge beside the
    one in use, by default where that is one of the deployment's own; `anew`: not to go on with one that was cut short;
    `adapt`: whether the model in use is adapted to the labels, instead of learning from them alone, by default where
    they are few; `tell` hears what a person should know of it."""

    device: str = "auto"
    challenger: bool | None = None
    anew: bool = False
    adapt: bool | None = None
    tell: Callable[[str], None] = lambda text: None


DEFAULT = Way()


def train_on_ledger(
    settings: Settings,
    as_of_ms: int | None,
    seed: int,
    report: Report,
    forecast: bool = False,
    way: Way = DEFAULT,
) -> tuple[str, Model]:
    """Trains on the labels decided by `as_of_ms`, registers the model (see jobs.models), and returns its version and
    the model; where adapting changed nothing, those in use. `forecast`: on what was decided after each look only (see
    gnn.forecast)."""
    refuse_protected(settings.attributes)
    if way.adapt and forecast:
        raise BadUsage("A model that foresees is not adapted.", hint="Leave out --adapt or --forecast.")
    asked = {"from": "ledger", "as_of_ms": as_of_ms, "seed": seed, "forecast": forecast, "device": way.device}
    unfinished = Unfinished(settings.places, asked, way.anew, way.tell)
    if as_of_ms is None:
        as_of_ms = unfinished.moment()
    if as_of_ms is None:
        as_of_ms = _latest(settings, report)
    if way.adapt is not False and not forecast:
        (now,) = _examples(settings, as_of_ms, "", report, LOOKS[-1:])
        enough(now.outcomes.num_rows)
        start, why = where_to_start(settings, now, way.adapt)
        way.tell(why)
        if start is not None:
            return adapt_model(settings, start, now, seed, report, way)
    examples = _examples(settings, as_of_ms, "", report, FORECAST_LOOKS if forecast else LOOKS)
    enough(examples[-1].outcomes.num_rows)
    config = dataclasses.replace(
        config_of(len(examples), seed), attributes=settings.attributes, forecast=forecast, device=way.device
    )
    return _train(settings, examples, config, report, way, unfinished, as_of_ms)


def refuse_protected(attributes: Sequence[str]) -> None:
    """Raises BadUsage for the name of what is never a feature."""
    name = next((one for one in attributes if is_protected(one)), None)
    if name is not None:
        raise BadUsage(
            f"The attribute {name!r} tells where a person is from, what they speak or are called.",
            hint="That is never a feature: take it out of GRAPHSVC_ATTRIBUTES.",
        )


def train_on_worlds(
    settings: Settings, worlds: Worlds, seed: int, report: Report, way: Way = DEFAULT
) -> tuple[str, Model]:
    """Trains on simulated worlds through the same ingest, links and labels as real logs; the truth stays unread.

    The worlds are reviewed after their end, late, in part and with errors: those labels are what is learnt.
    """
    examples = examples_of_worlds(settings, worlds, report)
    asked = {"from": "worlds", "worlds": dataclasses.asdict(worlds), "seed": seed, "device": way.device}
    unfinished = Unfinished(settings.places, asked, way.anew, way.tell)
    config = dataclasses.replace(config_of(len(examples), seed), device=way.device)
    return _train(settings, examples, config, report, way, unfinished, 0, str(worlds))


def examples_of_worlds(settings: Settings, worlds: Worlds, report: Report) -> list[Example]:
    """Several looks at each world, made and read in a folder that is gone after."""
    examples: list[Example] = []
    count = len(worlds.names) * len(worlds.seeds)
    with tempfile.TemporaryDirectory(prefix="graphsvc-worlds-") as folder:
        for number, (name, world_seed) in enumerate((n, s) for n in worlds.names for s in worlds.seeds):
            report(f"world {name} {world_seed}", 0.5 * number / count)
            place = Path(folder) / f"{name}-{world_seed}"
            examples += _world(settings, place, name, world_seed, worlds)
    return examples


def _world(settings: Settings, place: Path, name: str, seed: int, worlds: Worlds) -> list[Example]:
    from graphsvc.simulate import load_world, simulate
    from graphsvc.simulate.spec import Review
    from graphsvc.simulate.vary import varied

    spec = varied(load_world(name), seed)
    chance = random.Random(f"{name}-{seed}")  # noqa: S311
    spec = msgspec.structs.replace(
        spec,
        accounts=int(worlds.accounts * chance.uniform(0.6, 1.4)),
        days=int(worlds.days * chance.uniform(0.5, 1.5)),
        requests=spec.requests * 2 ** chance.uniform(-1.5, 1.0),
        abusive_share=(spec.abusive_share[0] * 0.5, spec.abusive_share[1] * 2.0),
        seed=seed,
        review=Review(),
    )
    simulate(spec, place / "world", quiet)
    own = of_world(settings, place / "data")
    ingest_events(own, str(place / "world" / "events.ndjson"))
    ingest_labels(own, str(place / "world" / "labels.ndjson"))
    whole = _examples(own, None, f"{name}-{seed}", quiet)
    return [*whole, *(_thinned(one, chance) for one in whole[-2:])]


def of_world(settings: Settings, data: Path) -> Settings:
    """Settings for a simulated world's data folder. Its people have no secrets: one key for all makes what is learnt
    and measured the same each time."""
    return settings.model_copy(update={"data": data, "token_key": SecretStr(WORLD_KEY)})


def _thinned(example: Example, chance: random.Random) -> Example:
    """The same world as a provider sees it that records less."""
    network = example.network
    share = chance.uniform(*LEFT_OUT_CHANCE)
    types = {name for names in LEFT_OUT if chance.random() < share for name in names}
    facts = [name for name in FACTS if chance.random() < share]
    thin = observed(without(view_of(network), types, facts), network.labels, 0).network
    return dataclasses.replace(example, network=thin)


def _latest(settings: Settings, report: Report) -> int:
    """The moment from which the ledger is looked at when none is named."""
    places = settings.places.create()
    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(places.links)
        sync_tables(tables, ledger, report)
        return latest_ms(tables, ledger)


def _examples(
    settings: Settings, as_of_ms: int | None, world: str, report: Report, looks: Sequence[float] = LOOKS
) -> list[Example]:
    from gnn.train import Example

    places = settings.places.create()
    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(places.links)
        sync_tables(tables, ledger, report)
        end_ms = latest_ms(tables, ledger) if as_of_ms is None else as_of_ms
        decided = [stored.label for stored in ledger.labels(end_ms)]
        moments = tables.moments(looks, end_ms)
        if not moments:
            raise BadInput("There are no events by that time.", hint="Ingest some first: graphsvc ingest FILE.")
        examples = []
        for number, moment_ms in enumerate(moments):
            report(f"look {number + 1} of {len(moments)}", 0.3 + 0.2 * number / len(moments))
            seen = observe(tables, ledger, moment_ms, quiet)
            examples.append(Example(seen.network, label_table(seen.view, decided), world))
    return examples


def _train(
    settings: Settings,
    examples: Sequence[Example],
    config: TrainConfig,
    report: Report,
    way: Way,
    unfinished: Unfinished,
    as_of_ms: int,
    worlds: str = "",
) -> tuple[str, Model]:
    from gnn.errors import ModelError
    from gnn.train import train

    places = settings.places.create()
    try:
        model = train(examples, config, part(report, 0.5, 1.0), unfinished.begin(as_of_ms))
    except ModelError as error:
        raise BadInput(error.message, hint=error.hint) from None
    if worlds:
        model = dataclasses.replace(model, notes={**model.notes, "worlds": worlds})
    version, _ = register(model, places, way.challenger)
    unfinished.forget()
    return version, model


def config_of(examples: int, seed: int) -> TrainConfig:
    """Each example is seen about as often, however many there are; ten looks at what is held out."""
    from gnn.train import TrainConfig

    steps = max(TrainConfig.steps, STEPS_PER_EXAMPLE * examples)
    return TrainConfig(seed=seed, steps=steps, evaluate_every=steps // 10)
