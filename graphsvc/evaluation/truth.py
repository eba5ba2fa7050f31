"""What accounts truly are: from a truth file, or from what people decided later. No other part opens a truth file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from graphsvc.errors import BadInput
from graphsvc.events.record import LabelRecord

REQUIRED = ("account_id", "abusive")
OPTIONAL = ("kind", "ring", "operator", "group", "unit", "person")
BOOLEANS = {"0": False, "1": True, "false": False, "true": True}
ONE_GROUP = "all"
NO_KIND = "no kind given"

Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Truth:
    """Rows in the order of the accounts asked for, N in all.

    - abusive: bool[N].
    - ring: int64[N], the place in `ring_names` or -1; innocents are in none.
    - unit: int64[N], what a bootstrap draws together: the operator of an abusive account, the unit (one campus, one
      household, one person) of an innocent. A unit never holds accounts of both sides.
    - person: int64[N], who is behind the account.
    - kind, group: str[N]; an empty kind is not known.
    - known: bool[N], whether anything is known of the account; where it is not, no figure counts it.
    """

    abusive: Bools
    ring: Longs
    ring_names: tuple[str, ...]
    unit: Longs
    person: Longs
    kind: Names
    group: Names
    known: Bools

    def rows(self, chosen: Bools | Longs) -> Truth:
        """The truth of some of the accounts, by bool[N] or by their rows."""
        return Truth(
            self.abusive[chosen],
            self.ring[chosen],
            self.ring_names,
            self.unit[chosen],
            self.person[chosen],
            self.kind[chosen],
            self.group[chosen],
            self.known[chosen],
        )

    @property
    def without_operator(self) -> Bools:
        """bool[N]: known abusive accounts of which nothing says who is behind them."""
        return self.known & self.abusive & (self.ring < 0)

    def tied(self, clusters: Longs) -> Truth:
        """The same for drawing: abusive accounts without a known operator that lie in one cluster, by int64[N] (-1 for
        none), are one unit. They may well be of one operator, and to draw them one by one would make intervals too
        narrow."""
        tied = self.without_operator & (clusters >= 0)
        unit = np.where(tied, int(self.unit.max(initial=-1)) + 1 + clusters, self.unit)
        return replace(self, unit=unit)


@dataclass(frozen=True)
class TruthFile:
    """A truth file as it was read. `names`: a string column for each of REQUIRED and OPTIONAL, null where nothing is
    said; `abusive` bool[rows]."""

    name: str
    names: pa.Table
    abusive: Bools

    def of(self, account_ids: Sequence[str]) -> Truth:
        """The truth of these accounts. Raises BadInput where the file lacks some of them."""
        rows = pc.index_in(pa.array(account_ids, pa.string()), value_set=self.names["account_id"].combine_chunks())
        if rows.null_count:
            raise BadInput(
                f"{self.name} lacks {rows.null_count:,} of the {len(rows):,} accounts that were seen by then.",
                hint="It must be the truth of this data folder, with a row for every account.",
            )
        return _truth(self.names.take(rows), self.abusive[rows.to_numpy()], np.ones(len(rows), np.bool_))

    def unseen(self, account_ids: Sequence[str]) -> tuple[int, int]:
        """How many accounts of the file are not among these, and how many of them are abusive."""
        seen = pa.array(account_ids, pa.string())
        other = ~pc.is_in(self.names["account_id"].combine_chunks(), value_set=seen).to_numpy(zero_copy_only=False)
        return int(other.sum()), int(self.abusive[other].sum())


def read_truth(path: Path, account_ids: Sequence[str]) -> Truth:
    """The truth of these accounts from a file; see `read_truth_file`."""
    return read_truth_file(path).of(account_ids)


def read_truth_file(path: Path) -> TruthFile:
    """A CSV file with the columns account_id and abusive (0, 1, true or false), and any of OPTIONAL.

    What a row leaves out is taken from what it has: a ring is its operator, an operator its ring, the unit of an
    innocent is the person or the account. Raises BadInput for a file that is missing, no such table, or names an
    account twice.
    """
    table = _read(path)
    ids = table["account_id"]
    if ids.null_count:
        raise BadInput(f"{path.name} has {ids.null_count:,} rows without an account_id.", hint="Complete them.")
    twice = len(table) - len(pc.unique(ids))
    if twice:
        raise BadInput(f"{path.name} has {twice:,} rows for accounts that it named before.", hint="Keep one row each.")
    return TruthFile(path.name, table, _booleans(path.name, table["abusive"]))


def truth_of_labels(labels: Sequence[LabelRecord], account_ids: Sequence[str]) -> Truth:
    """The truth as far as these labels tell it; of one account the last decision counts, as an appeal undoes a ban.

    The operator is the ring; innocents are grouped by the kind that the label gives. Accounts without a label are not
    `known`.
    """
    last = {label.account_id: label for label in sorted(labels, key=_turn)}
    found = [last.get(account) for account in account_ids]
    table = pa.table(
        {
            "account_id": pa.array(account_ids, pa.string()),
            "kind": pa.array([label.kind if label else None for label in found], pa.string()),
            "ring": pa.array([label.operator_id if label else None for label in found], pa.string()),
            "operator": pa.array([label.operator_id if label else None for label in found], pa.string()),
            "group": pa.array([(label.kind if label else None) or NO_KIND for label in found], pa.string()),
            "unit": pa.nulls(len(found), pa.string()),
            "person": pa.nulls(len(found), pa.string()),
        }
    )
    abusive = np.array([label is not None and label.verdict == "abusive" for label in found], np.bool_)
    return _truth(table, abusive, np.array([label is not None for label in found], np.bool_))


def _turn(label: LabelRecord) -> tuple[int, float, str, str]:
    return label.decided_ms, label.confidence, label.verdict, label.source


def _read(path: Path) -> pa.Table:
    columns = (*REQUIRED, *OPTIONAL)
    convert = csv.ConvertOptions(
        include_columns=columns,
        include_missing_columns=True,
        column_types=dict.fromkeys(columns, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    try:
        with path.open("rb") as file:
            lacking = _lacking(file.readline())
            file.seek(0)
            # One thread, so that an error names its row.
            read = csv.ReadOptions(use_threads=False)
            table = csv.read_csv(file, read, convert_options=convert) if not lacking else None
    except OSError as error:
        raise BadInput(
            f"{path.name} cannot be read: {error.strerror}.", hint="simulate writes truth.csv beside the events."
        ) from None
    except pa.ArrowInvalid as error:
        place = re.search(r"Row #(\d+)", str(error))
        where = f" Row {place[1]} is wrong." if place else ""
        raise BadInput(
            f"{path.name} is no CSV table in UTF-8.{where}", hint=f"Columns: {', '.join(columns)}."
        ) from None
    if table is None:
        raise BadInput(
            f"{path.name} lacks the column {' and the column '.join(lacking)}.",
            hint=f"The first line names the columns: {', '.join(REQUIRED)} and, where known, {', '.join(OPTIONAL)}.",
        )
    return table.combine_chunks()


def _lacking(header: bytes) -> list[str]:
    named = {name.strip().strip('"') for name in header.decode("utf-8-sig", "replace").split(",")}
    return [name for name in REQUIRED if name not in named]


def _booleans(name: str, column: pa.ChunkedArray) -> Bools:
    words = pc.utf8_lower(pc.utf8_trim_whitespace(pc.fill_null(column, "")))
    place = pc.index_in(words, value_set=pa.array(list(BOOLEANS)))
    if place.null_count:
        first = pc.is_null(place).to_numpy().argmax()
        raise BadInput(
            f"Column abusive of {name} is neither 0, 1, true nor false in {place.null_count:,} rows.",
            hint=f"The first of them is row {first + 1:,} below the header.",
        )
    said: Bools = np.array(list(BOOLEANS.values()))[place.to_numpy()]
    return said


def _truth(names: pa.Table, abusive: Bools, known: Bools) -> Truth:
    account, ring, operator, unit, person = (
        names[name].combine_chunks() for name in ("account_id", "ring", "operator", "unit", "person")
    )
    side = pa.array(abusive)
    ring_name = pc.if_else(side, pc.coalesce(ring, operator), None)
    drawn = pc.if_else(side, pc.coalesce(operator, ring, account), pc.coalesce(unit, ring, operator, person, account))
    sided = pc.binary_join_element_wise(pc.if_else(side, "operator", "innocents"), drawn, "\x1f")
    ring_codes, ring_names = _codes(ring_name)
    return Truth(
        abusive=abusive,
        ring=ring_codes,
        ring_names=tuple(ring_names),
        unit=_codes(sided)[0],
        person=_codes(pc.coalesce(person, account))[0],
        kind=_strings(names["kind"], ""),
        group=_strings(names["group"], ONE_GROUP),
        known=known,
    )


def _codes(names: pa.Array) -> tuple[Longs, list[str]]:
    """The place of each name among all names in order, -1 for none; and those names."""
    order = pc.unique(names.drop_null()).sort()
    place = pc.fill_null(pc.index_in(names, value_set=order), -1).to_numpy(zero_copy_only=False)
    return place.astype(np.int64), order.to_pylist()


def _strings(names: pa.ChunkedArray, absent: str) -> Names:
    # By way of a dictionary: few names, many rows.
    encoded = pc.fill_null(names, absent).combine_chunks().dictionary_encode()
    words = np.array(encoded.dictionary.to_pylist(), np.str_)
    out: Names = words[encoded.indices.to_numpy(zero_copy_only=False)]
    return out
