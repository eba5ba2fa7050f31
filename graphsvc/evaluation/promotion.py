"""Promotion of the challenger: only where no group of innocents fares worse beyond its interval."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from graphsvc.config import Settings
from graphsvc.errors import GraphsvcError, NotFound
from graphsvc.evaluation.shadow import Comparison, compare, refusal
from graphsvc.jobs import models


def promote(settings: Settings, version: str, forced_because: str = "") -> str:
    """Puts the challenger in use and returns the version that was in use. Raises Conflict, naming groups, rates and
    intervals, where innocents would fare worse or too little is known; with `forced_because` that is noted in the
    history instead."""
    try:
        found = compare(settings, version, shown=0)
        refused: GraphsvcError | None = refusal(found)
        check = _noted(found)
    except NotFound as error:
        refused, check = error, {}
    if refused is not None and not forced_because:
        raise refused
    if refused is not None:
        check["refused"] = refused.message
    return models.promote(settings.places, version, check, forced_because)


def _noted(found: Comparison) -> dict[str, Any]:
    groups = [{**asdict(group), "worse": group.worse} for group in found.groups]
    return {"champion": found.champion, "looks": found.looks, "groups": groups}
