"""Tolokers as a table of one's own: `python -m tests.bench.tolokers_import --data tolokers.npz [--splits 1]`: imported,
trained on the labels of the official training part, detected, and judged on the test part.

Beside gnn.tolokers, which reads the file itself, this is the way that any user's table goes. The facts of a worker are
the seven that tell of work and schooling; those of language are left out, as a language is never a feature.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gnn.evaluate import auroc, average_precision
from graphsvc.config import Settings, load_settings
from graphsvc.events.mapping import read_mapping
from graphsvc.jobs.detect import detect
from graphsvc.jobs.importing import import_table
from graphsvc.jobs.train import Way, train_on_ledger

FACTS = 7
START_MS, DECIDED_MS, LOOKED_MS = 1_700_000_000_000, 1_700_086_400_000, 1_700_172_800_000
HEAD = 'version = 1\naccount = "worker"\ntime = { column = "at", format = "epoch_ms" }\n'
WORKERS = (
    HEAD
    + '[[event]]\ntype = "activity"\nname = "profile"\nattributes = { '
    + ", ".join(f'fact{n} = "fact{n}"' for n in range(FACTS))
    + " }\n"
)
SHARED = (
    HEAD + '[[event]]\ntype = "activity"\nname = "shared_task"\n[[event.peers]]\ntype = "task"\naccount = "other"\n'
)
LABELS = HEAD + '[[label]]\nverdict = { column = "banned", map = { 1 = "abusive", 0 = "benign" } }\n'
LABELS += 'source = { value = "platform" }\n'


def quiet(text: str, share: float) -> None:
    """Says nothing."""


def bring(settings: Settings, folder: Path, name: str, mapping: str, head: list[str], rows: list[list[object]]) -> None:
    with (folder / f"{name}.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    (folder / f"{name}.toml").write_text(mapping)
    import_table(settings, str(folder / f"{name}.csv"), read_mapping(folder / f"{name}.toml"))


def judged(path: Path, split: int, folder: Path, attributes: tuple[str, ...]) -> dict[str, object]:
    """One split: figures and seconds."""
    with np.load(path) as data:
        facts, edges, banned = data["node_features"], data["edges"], data["node_labels"]
        train, test = data["train_masks"][split], data["test_masks"][split]
    names = [f"w{n:05d}" for n in range(len(banned))]
    settings = load_settings(data=folder / "data", attributes=attributes, neo4j_uri="off")
    started = time.perf_counter()
    rows: list[list[object]] = [[name, START_MS, *facts[n, :FACTS].tolist()] for n, name in enumerate(names)]
    bring(settings, folder, "workers", WORKERS, ["worker", "at", *(f"fact{n}" for n in range(FACTS))], rows)
    rows = [[names[a], START_MS, names[b]] for a, b in edges.tolist()]
    bring(settings, folder, "shared", SHARED, ["worker", "at", "other"], rows)
    rows = [[names[n], DECIDED_MS, int(banned[n])] for n in np.flatnonzero(train)]
    bring(settings, folder, "labels", LABELS, ["worker", "at", "banned"], rows)
    imported = time.perf_counter()
    train_on_ledger(settings, LOOKED_MS, 0, quiet, False, Way(challenger=False, adapt=False))
    trained = time.perf_counter()
    accounts = detect(settings, LOOKED_MS, quiet).results.accounts
    said = dict(zip(accounts["account_id"].to_pylist(), accounts["probability"].to_pylist(), strict=True))
    score: npt.NDArray[np.float64] = np.array([said[name] for name in names])
    bad = banned[test].astype(bool)
    return {
        "auroc": round(auroc(bad, score[test]), 4),
        "average_precision": round(average_precision(bad, score[test]), 4),
        "import_s": round(imported - started, 1),
        "train_s": round(trained - imported, 1),
        "detect_s": round(time.perf_counter() - trained, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=1)
    parser.add_argument("--attributes", default=",".join([*(f"fact{n}" for n in range(FACTS)), "task"]))
    asked = parser.parse_args()
    for split in range(asked.splits):
        with tempfile.TemporaryDirectory(prefix="graphsvc-tolokers-") as folder:
            found = judged(asked.data, split, Path(folder), tuple(asked.attributes.split(",")))
        print(
            json.dumps({"case": "tolokers_import", "split": split, "attributes": asked.attributes} | found), flush=True
        )


if __name__ == "__main__":
    main()
