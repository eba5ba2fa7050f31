"""Drift as Prometheus gauges, read from what the last published detection kept."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from graphsvc.config import Places
from graphsvc.jobs.drift import Kept, read


class Drift(Collector):
    """Those of a comparison that was not made are absent. Of no process: each reads the same from the disk."""

    def __init__(self) -> None:
        self.kept: Kept | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        psi = GaugeMetricFamily(
            "graphsvc_drift_psi",
            "Population stability index of a feature or score in the last detection; 0.2 and more is an alarm",
            labels=("against", "of"),
        )
        alarms = GaugeMetricFamily(
            "graphsvc_drift_alarms", "Features and scores whose drift alarms", labels=("against",)
        )
        kept = self.kept
        compared = (("training", kept.training), ("earlier", kept.earlier)) if kept is not None else ()
        for against, found in compared:
            if found is not None:
                alarms.add_metric((against,), len(found.alarms))
                for one in found.moved:
                    psi.add_metric((against, one.name), one.psi)
        unlike = GaugeMetricFamily("graphsvc_drift_unlike_share", "Share of accounts that are unlike those of training")
        as_of = GaugeMetricFamily("graphsvc_drift_as_of_seconds", "Moment of the detection that measured it, Unix time")
        if kept is not None:
            as_of.add_metric((), kept.as_of_ms / 1000)
            if kept.training is not None:
                unlike.add_metric((), kept.unlike)
        yield from (psi, alarms, unlike, as_of)


DRIFT = Drift()
REGISTRY.register(DRIFT)


def refresh(places: Places) -> None:
    """Reads the gauges anew."""
    DRIFT.kept = read(places)
