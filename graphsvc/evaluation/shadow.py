"""Champion and challenger compared on what both judged unseen: whom they accuse, and what people decided afterwards.

A label tells which model was right only where it was decided after the look in which both judged the account, and
after the last label that either model learnt from. No truth file is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gnn.groups import BENIGN_KINDS
from gnn.membership import FLAGGED
from graphsvc.config import Settings
from graphsvc.errors import Conflict, NotFound
from graphsvc.evaluation.bootstrap import Units, bootstrap, ratio
from graphsvc.evaluation.figures import Estimate
from graphsvc.events.record import LabelRecord
from graphsvc.jobs.models import champion_version, folder_of, not_the_challenger, read_states
from graphsvc.jobs.shadow import Run, runs
from graphsvc.ledger import open_ledger

UNITS_NEEDED = 20
"""Clusters and single accounts that were found innocent: of fewer, even none accused leaves room for one in six."""
UNITS_TO_TELL = 5
"""A group of fewer units has no interval of its own that means anything; it counts among all that were labelled."""
ALL_LABELLED = "all found innocent"
UNLABELLED = "unlabelled"

Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GroupCheck:
    """False accusations in one innocent group: the share accused by each model, the challenger's less the champion's,
    with 95 % intervals over `units`. `worse`: beyond the interval."""

    group: str
    accounts: int
    units: int
    champion: Estimate
    challenger: Estimate
    difference: Estimate

    @property
    def worse(self) -> bool:
        return self.difference.low > 0


@dataclass(frozen=True)
class Side:
    """Of accounts that one of both accuses: how many, what labels since call them, and some of them."""

    accounts: int
    abusive: int
    innocent: int
    account_ids: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Champion and challenger on the same traffic. `accounts` of the last look, of which `agreed` on whether to accuse;
    `difference`: the mean distance of probabilities; `newly_accused` and `released` by the challenger; `right` of the
    `labelled` accounts by each, `looks` kept, `seconds` that the challenger's last look took."""

    champion: str
    challenger: str
    looks: int
    first_as_of_ms: int
    last_as_of_ms: int
    seconds: float
    accounts: int
    agreed: int
    difference: float
    newly_accused: Side
    released: Side
    labelled: int
    right: tuple[int, int]
    groups: tuple[GroupCheck, ...]
    missing: str

    @property
    def worse(self) -> tuple[GroupCheck, ...]:
        return tuple(group for group in self.groups if group.worse)


@dataclass(frozen=True)
class _Rows:
    """Accounts as both judged them: `unit` int64[n], accused bool[n] by each."""

    account_ids: pa.Array
    unit: Longs
    champion: Bools
    challenger: Bools

    def at(self, rows: Bools | Longs) -> _Rows:
        return _Rows(self.account_ids.take(_places(rows)), self.unit[rows], self.champion[rows], self.challenger[rows])


def compare(settings: Settings, version: str = "", shown: int = 10) -> Comparison:
    """The comparison of the challenger (`version`, where given, must be it) with the champion, by labels decided until
    now. Raises NotFound where there is no challenger or it has judged nothing yet."""
    places = settings.places
    states = read_states(places)
    if version and version != states.challenger:
        raise not_the_challenger(version, states)
    if not states.challenger:
        raise NotFound("There is no challenger.", hint="graphsvc train --challenger makes one.")
    champion, challenger = champion_version(places, states), states.challenger
    kept = list(runs(places, champion, challenger))
    if not kept:
        raise NotFound(
            f"Challenger {challenger} has judged nothing yet beside {champion}.", hint="Run graphsvc detect first."
        )
    with closing(open_ledger(settings)) as ledger:
        labels = settled([stored.label for stored in ledger.labels()])
    learnt_ms = max(_learnt_until_ms(settings, one) for one in (champion, challenger))
    return compared(champion, challenger, kept, labels, learnt_ms, shown)


def compared(
    champion: str, challenger: str, kept: Sequence[Run], labels: Sequence[LabelRecord], learnt_ms: int, shown: int
) -> Comparison:
    """The comparison from runs, the earliest first, and one label an account."""
    last = kept[-1]
    everybody = _rows(last, _units(last))
    judged, by_label = _before_their_labels(kept, labels, learnt_ms)
    abusive = np.array([label.verdict == "abusive" for label in by_label], np.bool_)
    innocent = [(label.kind or BENIGN_KINDS[-1]) for label in by_label]
    unlabelled = everybody.at(_unlabelled(last, labels))
    groups, missing = _groups(judged, abusive, innocent, unlabelled)
    said = dict(zip(judged.account_ids.to_pylist(), abusive.tolist(), strict=True))
    accused = everybody.champion, everybody.challenger
    distance = np.abs(_column(last, "champion") - _column(last, "challenger"))
    return Comparison(
        champion=champion,
        challenger=challenger,
        looks=len(kept),
        first_as_of_ms=kept[0].as_of_ms,
        last_as_of_ms=last.as_of_ms,
        seconds=last.seconds,
        accounts=last.rows.num_rows,
        agreed=int((accused[0] == accused[1]).sum()),
        difference=float(distance.mean()) if len(distance) else 0.0,
        newly_accused=_side(everybody, ~accused[0] & accused[1], said, shown),
        released=_side(everybody, accused[0] & ~accused[1], said, shown),
        labelled=len(abusive),
        right=(int((judged.champion == abusive).sum()), int((judged.challenger == abusive).sum())),
        groups=groups,
        missing=missing,
    )


def refusal(found: Comparison) -> Conflict | None:
    """Why the challenger must not be promoted: an innocent group fares worse, or too little is known; None where
    nothing speaks against it."""
    if found.worse:
        lines = "; ".join(_worse(group) for group in found.worse)
        return Conflict(
            f"Model {found.challenger} would accuse more innocents than {found.champion}: {lines}.",
            hint="Look at whom: graphsvc model compare. To promote it all the same: --force --reason TEXT.",
        )
    if found.missing:
        return Conflict(
            f"Too little is known to tell whether model {found.challenger} harms innocents: {found.missing}.",
            hint="Ingest labels as reviews go on, and detect. To promote it all the same: --force --reason TEXT.",
        )
    return None


def _worse(group: GroupCheck) -> str:
    return (
        f"{group.group.replace('_', ' ')} {_share(group.challenger)} against {_share(group.champion)}, "
        f"a difference of {_share(group.difference)} over {group.units:,} units"
    )


def _share(one: Estimate) -> str:
    return f"{one.value:.2%} ({one.low:.2%} to {one.high:.2%})"


def settled(labels: Sequence[LabelRecord]) -> list[LabelRecord]:
    """One label an account: the most confident, of equals the one decided last."""
    ordered = sorted(labels, key=lambda one: (one.confidence, one.decided_ms, one.verdict, one.kind or ""))
    found = {label.account_id: label for label in ordered}
    return [found[name] for name in sorted(found)]


def _learnt_until_ms(settings: Settings, version: str) -> int:
    """Until when what was decided may have been learnt by a model; 0 for one that learnt from worlds."""
    from gnn.files import read_manifest

    folder = folder_of(settings.places, version)
    notes = read_manifest(folder)["notes"]
    if folder == settings.places.shipped_model or notes.get("worlds"):
        return 0
    window = notes.get("window", {})
    return max(int(window.get("labels_until_ms", 0)), int(window.get("last_as_of_ms", 0)))


def _column(run: Run, name: str) -> npt.NDArray[np.float64]:
    return np.asarray(run.rows[name].to_numpy(), np.float64)


def _rows(run: Run, unit: Longs) -> _Rows:
    def accused(model: str) -> Bools:
        return np.asarray((_column(run, model) >= FLAGGED) | (_column(run, f"{model}_cluster") >= FLAGGED))

    return _Rows(run.rows["account_id"].combine_chunks(), unit, accused("champion"), accused("challenger"))


def _units(run: Run) -> Longs:
    """int64[N]: what is drawn together, a cluster or an account alone."""
    cluster = run.rows["cluster"].to_numpy().astype(np.int64)
    return np.where(cluster >= 0, cluster, int(cluster.max(initial=-1)) + 1 + np.arange(len(cluster)))


def _before_their_labels(
    kept: Sequence[Run], labels: Sequence[LabelRecord], learnt_ms: int
) -> tuple[_Rows, list[LabelRecord]]:
    """Labelled accounts as they were judged in the last look before their label was decided, and those labels. They are
    drawn together as they hang together in the last look."""
    last = kept[-1]
    units, ids = _units(last), last.rows["account_id"].combine_chunks()
    left = [label for label in labels if label.decided_ms > learnt_ms]
    parts: list[_Rows] = []
    found: list[LabelRecord] = []
    for run in reversed(kept):
        due = [label for label in left if label.decided_ms > run.as_of_ms]
        asked = pa.array([label.account_id for label in due], pa.string())
        place = _found(asked, run.rows["account_id"].combine_chunks())
        seen = np.flatnonzero(place >= 0)
        parts.append(_rows(run, _unit_in(units, _found(run.rows["account_id"].combine_chunks(), ids))).at(place[seen]))
        found += [due[index] for index in seen]
        taken = {label.account_id for label in found}
        left = [label for label in left if label.account_id not in taken]
    joined = _Rows(
        pa.concat_arrays([part.account_ids for part in parts]),
        np.concatenate([part.unit for part in parts]),
        np.concatenate([part.champion for part in parts]),
        np.concatenate([part.challenger for part in parts]),
    )
    return joined, found


def _unit_in(units: Longs, place: Longs) -> Longs:
    """The unit of each account by its place in the last look; of one that is not in it, one of its own."""
    return np.where(place >= 0, units[place], int(units.max(initial=-1)) + 1 + np.arange(len(place)))


def _unlabelled(last: Run, labels: Sequence[LabelRecord]) -> Bools:
    """bool[N]: accounts of which nothing is known and that lie in no cluster with one known as abusive."""
    ids = last.rows["account_id"].combine_chunks()
    cluster = last.rows["cluster"].to_numpy().astype(np.int64)
    known = np.zeros(len(ids), np.bool_)
    bad = last.rows["banned"].to_numpy(zero_copy_only=False).copy()
    place = _found(pa.array([label.account_id for label in labels], pa.string()), ids)
    abusive = np.array([label.verdict == "abusive" for label in labels], np.bool_)
    known[place[place >= 0]] = True
    bad[place[(place >= 0) & abusive]] = True
    with_bad = np.isin(cluster, cluster[bad & (cluster >= 0)])
    return np.asarray(~known & ~bad & ~with_bad)


def _groups(
    judged: _Rows, abusive: Bools, kinds: Sequence[str], unlabelled: _Rows
) -> tuple[tuple[GroupCheck, ...], str]:
    """Checks of all groups that can be told, and what is missing to tell whether innocents are safe."""
    innocent = judged.at(np.flatnonzero(~abusive))
    kind = np.array(kinds, dtype=np.str_)[~abusive]
    checks = [_check(name, innocent.at(kind == name)) for name in BENIGN_KINDS if (kind == name).any()]
    told = [one for one in checks if one.units >= UNITS_TO_TELL]
    whole = [_check(ALL_LABELLED, innocent)] if len(kind) else []
    units = whole[0].units if whole else 0
    missing = ""
    if units < UNITS_NEEDED:
        missing = (
            f"{units} of the {UNITS_NEEDED} clusters and single accounts needed were labelled innocent after both "
            "models had judged them and after all labels that they learnt from"
        )
    rest = [_check(UNLABELLED, unlabelled)] if len(unlabelled.unit) else []
    return (*told, *whole, *rest), missing


def _check(group: str, rows: _Rows) -> GroupCheck:
    of = np.unique(rows.unit, return_inverse=True)[1].reshape(-1).astype(np.int64)
    units = Units(of, 0, int(of.max(initial=-1)) + 1)
    size, champion, challenger = (units.sums(part) for part in (np.ones(len(of)), rows.champion, rows.challenger))
    parts = (champion, challenger, challenger - champion)
    drawn = bootstrap(lambda weights: np.stack([ratio(weights, part, size) for part in parts], axis=1), units)
    independent = units.count
    return GroupCheck(
        group=group,
        accounts=len(of),
        units=independent,
        champion=drawn.share(0, independent),
        challenger=drawn.share(1, independent),
        difference=drawn.number(2, independent),
    )


def _side(rows: _Rows, chosen: Bools, said: dict[str, bool], shown: int) -> Side:
    names = sorted(rows.account_ids.filter(pa.array(chosen)).to_pylist())
    verdicts = [said[name] for name in names if name in said]
    return Side(len(names), sum(verdicts), len(verdicts) - sum(verdicts), tuple(names[:shown]))


def _found(asked: pa.Array, among: pa.Array) -> Longs:
    """int64: the place of each id among others, -1 where it is not there."""
    return np.asarray(pc.fill_null(pc.index_in(asked, value_set=among), -1).to_numpy(zero_copy_only=False), np.int64)


def _places(rows: Bools | Longs) -> pa.Array:
    return pa.array(np.flatnonzero(rows) if rows.dtype == np.bool_ else rows, pa.int64())
