"""Few labels: the model in use is adapted to them, instead of one being learnt from them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphsvc.config import Settings
from graphsvc.errors import BadInput, BadUsage
from graphsvc.jobs.models import champion_version, folder_of, load_model, register
from graphsvc.jobs.observe import Report, part

if TYPE_CHECKING:
    from gnn.ensemble import Model
    from gnn.targets import Example
    from graphsvc.jobs.train import Way

LABELS_NEEDED = 20
RINGS_OF_ITS_OWN = 40
"""A model learnt from a deployment's own labels alone needs abuse in so many rings, or accounts that hang together with
no other; with fewer, the model in use is adapted. Adapting was better on the mean of six logs with abuse in 6
to 26 of them, and no worse on one with 40; see FIGURES.md."""


def enough(labels: int) -> None:
    """Raises BadInput where there are too few labels for any way."""
    if labels < LABELS_NEEDED:
        raise BadInput(
            f"Only {labels} labels are known by that time; training needs {LABELS_NEEDED} or more.",
            hint="Ingest labels (graphsvc ingest --labels FILE), or learn from worlds (graphsvc train --simulated).",
        )


def where_to_start(settings: Settings, now: Example, asked: bool | None) -> tuple[Model | None, str]:
    """The model to adapt to the labels of the last look, None where one is to be learnt from them alone; and why, in
    words. `asked`: that it be adapted, whatever there is. Raises BadUsage where it cannot be."""
    from gnn.adapt import rings_of

    model = _in_use(settings)
    against = _against(settings, model)
    if against and asked:
        raise BadUsage(f"{against}: it cannot be adapted.", hint="Leave out --adapt: a model is learnt from scratch.")
    if against:
        return None, f"{against}: learning from your labels alone."
    if asked:
        return model, f"Adapting model {model.version} to your labels, as asked."
    rings = rings_of(now)
    said = f"Abuse is labelled in {rings} ring{'' if rings == 1 else 's'}; a model of its own needs {RINGS_OF_ITS_OWN}"
    if rings >= RINGS_OF_ITS_OWN:
        return None, f"{said}: learning from your labels alone. To adapt the model in use instead: --adapt."
    return model, f"{said}: adapting model {model.version} to your labels. To learn from them alone: --from-scratch."


def adapt_model(
    settings: Settings, start: Model, now: Example, seed: int, report: Report, way: Way
) -> tuple[str, Model]:
    """Adapts a model to the labels of the last look, and registers what comes of it. Returns its version and it; those
    of the one in use where nothing did better on what was held out, which `way` is told."""
    from gnn.adapt import adapt

    since_ms = 0 if "worlds" in start.notes else int(start.notes.get("window", {}).get("labels_until_ms", 0))
    found = adapt(start, now, seed, part(report, 0.5, 1.0), since_ms)
    if found.labels < LABELS_NEEDED:
        raise BadInput(
            f"Only {found.labels} labels are of rings and accounts that model {start.version} did not learn from; "
            f"adapting it needs {LABELS_NEEDED} or more.",
            hint="Ingest more labels, or learn from all of them (graphsvc train --from-scratch).",
        )
    if found.model is None:
        used = champion_version(settings.places)
        way.tell(f"Nothing did better than model {start.version} on what was held out: model {used} stays as it is.")
        return used, load_model(folder_of(settings.places, used))
    way.tell(
        f"On {found.labels} labels, {found.abusive} of them abusive in {found.rings} rings, each held out in its turn, "
        f"the log loss fell from {found.before:.3f} to {found.after:.3f}."
    )
    # Few labels say little of those who have none: it is for people to see whom it accuses before it counts.
    return register(found.model, settings.places, challenger=True)[0], found.model


def _in_use(settings: Settings) -> Model:
    """The model in use; of one that was adapted itself that which it was made from, as it has seen the labels."""
    places = settings.places
    model = load_model(folder_of(places, champion_version(places)))
    adapted = model.notes.get("adapted")
    return model if adapted is None else load_model(folder_of(places, str(adapted["from"])))


def _against(settings: Settings, model: Model) -> str:
    """What speaks against adapting a model to this deployment; empty where nothing does."""
    missing = sorted(set(settings.attributes) - {one.name for one in model.attributes})
    if missing:
        return f"Model {model.version} does not read {', '.join(missing)}"
    if model.notes.get("config", {}).get("forecast"):
        return f"Model {model.version} foresees and reads no labels"
    return ""
