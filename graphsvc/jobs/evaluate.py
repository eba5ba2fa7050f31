"""How good a detection was, held against a world's truth. The only place that reads a truth file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gnn.evaluate import (
    ClusterReport,
    Rate,
    auroc,
    average_precision,
    calibration_error,
    cluster_report,
    false_positive_rates,
    recall_at_fpr,
)
from graphsvc.clusters.results import Results
from graphsvc.errors import BadInput

FLAGGED = 0.5
"""The probability from which an account or a cluster counts as accused."""
COLUMNS = ("account_id", "abusive", "kind", "ring", "group")


@dataclass(frozen=True)
class Evaluation:
    """`innocents`: false accusations in each group of innocents; `kind_accuracy` over truly abusive flagged clusters,
    by the kind of most of their members."""

    accounts: int
    abusive: int
    average_precision: float
    auroc: float
    recall_at_fpr_01: float
    recall_at_fpr_1: float
    calibration_error: float
    clusters: ClusterReport
    kind_accuracy: float
    innocents: dict[str, Rate]


@dataclass(frozen=True)
class Truth:
    """Rows in the order of the scored accounts."""

    abusive: npt.NDArray[np.bool_]
    ring: npt.NDArray[np.int64]
    kind: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]


def evaluate(results: Results, truth_file: Path) -> Evaluation:
    """Raises BadInput where the truth file is not one, or lacks an account that was scored."""
    truth = _read(truth_file, results.accounts["account_id"].to_pylist())
    scores = results.accounts["probability"].to_numpy()
    ids = results.clusters["id"]
    place = pc.fill_null(pc.index_in(results.accounts["cluster_id"], value_set=ids.combine_chunks()), -1)
    clusters = place.to_numpy().astype(np.int64)
    flagged = results.clusters["probability"].to_numpy() >= FLAGGED
    return Evaluation(
        accounts=len(scores),
        abusive=int(truth.abusive.sum()),
        average_precision=average_precision(truth.abusive, scores),
        auroc=auroc(truth.abusive, scores),
        recall_at_fpr_01=recall_at_fpr(truth.abusive, scores, 0.001),
        recall_at_fpr_1=recall_at_fpr(truth.abusive, scores, 0.01),
        calibration_error=calibration_error(truth.abusive, scores),
        clusters=cluster_report(truth.ring, clusters, flagged),
        kind_accuracy=_kind_accuracy(truth, clusters, flagged, results.clusters["kind"]),
        innocents=false_positive_rates(truth.group, ~truth.abusive, _accused(scores, clusters, flagged)),
    )


def _accused(
    scores: npt.NDArray[np.float32], clusters: npt.NDArray[np.int64], flagged: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Accounts that a person would be shown as abusive: by their own score or as a member of a flagged cluster."""
    accused: npt.NDArray[np.bool_] = (scores >= FLAGGED) | np.append(flagged, False)[clusters]
    return accused


def _kind_accuracy(
    truth: Truth, clusters: npt.NDArray[np.int64], flagged: npt.NDArray[np.bool_], kinds: pa.ChunkedArray
) -> float:
    right = []
    for ordinal in np.flatnonzero(flagged):
        members = (clusters == ordinal) & truth.abusive
        if members.sum() * 2 > (clusters == ordinal).sum():
            names, counts = np.unique(truth.kind[members], return_counts=True)
            right.append(names[counts.argmax()] == kinds[int(ordinal)].as_py())
    return float(np.mean(right)) if right else float("nan")


def _read(path: Path, account_ids: list[str]) -> Truth:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if not set(COLUMNS) <= set(reader.fieldnames or ()):
                raise BadInput(f"{path.name} lacks one of the columns {', '.join(COLUMNS)}.")
            rows = {row["account_id"]: row for row in reader}
    except FileNotFoundError:
        raise BadInput(f"There is no file {path.name}.", hint="simulate writes truth.csv beside the events.") from None
    missing = sum(account not in rows for account in account_ids)
    if missing:
        raise BadInput(f"{path.name} lacks {missing} of the accounts that were scored.", hint="Is it of this world?")
    found = [rows[account] for account in account_ids]
    rings = {name: number for number, name in enumerate(sorted({row["ring"] for row in found} - {""}))}
    return Truth(
        abusive=np.array([row["abusive"] == "1" for row in found], np.bool_),
        ring=np.array([rings.get(row["ring"], -1) for row in found], np.int64),
        kind=np.array([row["kind"] for row in found], np.str_),
        group=np.array([row["group"] for row in found], np.str_),
    )
