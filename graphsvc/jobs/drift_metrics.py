"""Drift as Prometheus gauges, read from what the last published detection kept."""

from __future__ import annotations

from prometheus_client import Gauge

from graphsvc.config import Places
from graphsvc.jobs.drift import Comparison, read

PSI = Gauge(
    "graphsvc_drift_psi",
    "Population stability index of a feature or score in the last detection; 0.2 and more is an alarm",
    ["against", "of"],
)
ALARMS = Gauge("graphsvc_drift_alarms", "Features and scores whose drift alarms", ["against"])
UNLIKE = Gauge("graphsvc_drift_unlike_share", "Share of accounts that are unlike those of training")


def refresh(places: Places) -> None:
    """Sets the gauges; those of a comparison that was not made are absent."""
    kept = read(places)
    for gauge in (PSI, ALARMS):
        gauge.clear()
    UNLIKE.set(kept.unlike if kept is not None else 0.0)
    if kept is not None:
        _set("training", kept.training)
        _set("earlier", kept.earlier)


def _set(against: str, found: Comparison | None) -> None:
    if found is None:
        return
    ALARMS.labels(against).set(len(found.alarms))
    for one in found.moved:
        PSI.labels(against, one.name).set(one.psi)
