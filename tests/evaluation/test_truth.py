"""Truth files of any making are read or refused in plain words; what a row leaves out is taken from what it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphsvc.errors import BadInput
from graphsvc.evaluation.truth import Truth, read_truth, read_truth_file, truth_of_labels
from graphsvc.events.record import LabelRecord

FULL = """\
account_id,abusive,kind,ring,operator,group,unit,person
a1,1,trial_farm,r1,op1,farm,u1,op1
a2,1,trial_farm,r2,op1,farm,u2,op1
a3,1,stolen_account,,op2,stolen,u3,owner
a4,0,household,,,household,home,ann
a5,0,household,,,household,home,bob
a6,0,other_benign,,,individual,one,eve
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "truth.csv"
    path.write_text(text, encoding="utf-8")
    return path


def together(codes: np.ndarray) -> list[list[int]]:
    """Rows by code, without the codes themselves."""
    return sorted([np.flatnonzero(codes == code).tolist() for code in np.unique(codes)])


def test_a_full_file_in_the_order_of_the_accounts(tmp_path: Path) -> None:
    ids = ["a6", "a1", "a2", "a3", "a4", "a5"]
    truth = read_truth(written(tmp_path, FULL), ids)
    assert truth.abusive.tolist() == [False, True, True, True, False, False]
    assert [truth.ring_names[ring] if ring >= 0 else "" for ring in truth.ring] == ["", "r1", "r2", "op2", "", ""]
    assert together(truth.unit) == [[0], [1, 2], [3], [4, 5]]
    assert together(truth.person) == [[0], [1, 2], [3], [4], [5]]
    assert truth.group.tolist() == ["individual", "farm", "farm", "stolen", "household", "household"]
    assert truth.kind[3] == "stolen_account"
    assert truth.known.all()


def test_two_columns_are_enough(tmp_path: Path) -> None:
    truth = read_truth(written(tmp_path, "abusive,account_id\nTRUE,a\nfalse,b\n 1 ,c\n0,d\n"), ["a", "b", "c", "d"])
    assert truth.abusive.tolist() == [True, False, True, False]
    assert truth.ring.tolist() == [-1] * 4
    assert together(truth.unit) == together(truth.person) == [[0], [1], [2], [3]]
    assert set(truth.group) == {"all"}


@pytest.mark.parametrize(
    ("columns", "rows", "units"),
    [
        ("ring", ["r", "r", "s", "s"], [[0, 1], [2, 3]]),
        ("operator", ["o", "o", "", ""], [[0, 1], [2], [3]]),
        ("person", ["p", "p", "p", "p"], [[0], [1], [2, 3]]),
        ("unit", ["u", "u", "u", "u"], [[0], [1], [2, 3]]),
    ],
)
def test_units_by_what_a_row_has_never_of_both_sides(
    tmp_path: Path, columns: str, rows: list[str], units: list[list[int]]
) -> None:
    lines = [f"{account},{int(account in 'ab')},{row}\n" for account, row in zip("abcd", rows, strict=True)]
    truth = read_truth(written(tmp_path, f"account_id,abusive,{columns}\n" + "".join(lines)), list("abcd"))
    assert together(truth.unit) == units
    assert (truth.ring[2:] == -1).all()


def test_a_byte_order_mark_quotes_and_a_numeric_id_are_taken_as_text(tmp_path: Path) -> None:
    path = written(tmp_path, '\ufeff"account_id","abusive","note"\r\n"007","1","x, y"\r\n"nan","0",""\r\n')
    assert read_truth(path, ["nan", "007"]).abusive.tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lacks the column account_id and the column abusive"),
        ("account,abusive\na,1\n", "lacks the column account_id"),
        ("account_id,abusive\na,1\na,0\nb,1\n", "1 rows for accounts that it named before"),
        ("account_id,abusive\na,1\nb,maybe\nc,\n", "true nor false in 2 rows. The first of them is row 2 below"),
        ("account_id,abusive\na,1\n,0\n", "1 rows without an account_id"),
        ("account_id,abusive\na,1\nb\n", "no CSV table in UTF-8. Row 3 is wrong"),
        ("account_id,abusive\na,1\n", "lacks 2 of the 3 accounts that were seen"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput) as error:
        read_truth(written(tmp_path, text), ["a", "b", "c"])
    assert says in str(error.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.csv cannot be read: No such file"):
        read_truth_file(tmp_path / "gone.csv")
    with pytest.raises(BadInput, match="Is a directory"):
        read_truth_file(tmp_path)
    (tmp_path / "bytes.csv").write_bytes(b"account_id,abusive\n\xff\xfe,1\n")
    with pytest.raises(BadInput, match="no CSV table in UTF-8"):
        read_truth_file(tmp_path / "bytes.csv")


def test_accounts_that_were_never_seen_are_counted(tmp_path: Path) -> None:
    assert read_truth_file(written(tmp_path, FULL)).unseen(["a1", "a4", "a5"]) == (3, 2)


def label(account: str, verdict: str, at: int, **facts: str) -> LabelRecord:
    return LabelRecord(account, verdict, at, "review", **facts)


def test_labels_decided_later_as_truth() -> None:
    labels = [
        label("b", "abusive", 5, kind="trial_farm", operator_id="case-1"),
        label("a", "benign", 9),
        label("a", "abusive", 3),
        label("c", "abusive", 4, operator_id="case-1"),
        label("d", "benign", 4, kind="household"),
    ]
    truth: Truth = truth_of_labels(labels, ["a", "b", "c", "d", "e"])
    assert truth.known.tolist() == [True, True, True, True, False]
    assert truth.abusive.tolist() == [False, True, True, False, False]
    assert [ring >= 0 for ring in truth.ring] == [False, True, True, False, False]
    assert truth.ring_names == ("case-1",)
    assert truth.group.tolist()[::3] == ["no kind given", "household"]
    assert truth.unit[1] == truth.unit[2] != truth.unit[0]


def test_abusive_accounts_without_an_operator_are_drawn_with_their_cluster(tmp_path: Path) -> None:
    text = "account_id,abusive,operator\na,1,op\nb,1,\nc,1,\nd,1,\ne,0,\nf,0,\n"
    truth = read_truth(written(tmp_path, text), list("abcdef")).tied(np.array([0, 0, 0, -1, 0, 0]))
    assert together(truth.unit) == [[0], [1, 2], [3], [4], [5]]
    assert truth.without_operator.tolist() == [False, True, True, True, False, False]
