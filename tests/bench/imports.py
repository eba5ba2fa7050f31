"""How fast tables are read: `python -m tests.bench.imports [--rows 20000]`. CPU seconds of one process, no ledger."""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from graphsvc.config import load_settings
from graphsvc.events.arrive import Arrival
from graphsvc.events.mapped import Mapper
from graphsvc.events.mapping import read_mapping
from graphsvc.events.rows import header_of, read_rows
from tests.importing.tables import transactions, transfers

EXAMPLES = Path(__file__).parents[2] / "examples/import"


def case(name: str, source: Path, folder: Path) -> None:
    mapping = read_mapping(EXAMPLES / f"{name}.toml")
    header = header_of(str(source), mapping.table)
    mapper, arrival = Mapper(mapping, header, b"k"), Arrival(load_settings(data=folder))
    batches = list(read_rows(str(source), mapping.table))
    started = time.process_time()
    batches = list(read_rows(str(source), mapping.table))
    read_s = time.process_time() - started
    events = sum(len(mapper.make(arrival, rows).drafts) for rows in batches)
    made_s = time.process_time() - started - read_s
    rows = sum(len(batch.cells) for batch in batches)
    line = {
        "case": f"import/{name}",
        "rows": rows,
        "events": events,
        "read_rows_per_s": round(rows / read_s),
        "events_per_s_a_core": round(events / made_s),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="graphsvc-import-") as name:
        folder = Path(name)
        case("transfers", transfers(folder, rows // 5)[0], folder)
        case("transactions", transactions(folder, rows), folder)


if __name__ == "__main__":
    main()
