"""Tables reach the ledger by the same way as every event: once, whole, as tokens, with nothing lost."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import zstandard

from graphsvc.config import Settings
from graphsvc.errors import BadInput
from graphsvc.events.mapping import TableMapping, parse_mapping, read_mapping
from graphsvc.events.record import LabelRecord, Record
from graphsvc.jobs.importing import import_table
from graphsvc.ledger import open_ledger
from tests.importing.tables import transactions, transfers, write

EXAMPLES = Path(__file__).parents[2] / "examples/import"
LOGINS = parse_mapping('version = 1\naccount = "who"\ntime = "at"\n[[event]]\ntype = "login"\nip = "ip"\n')


def records(settings: Settings) -> list[Record]:
    with closing(open_ledger(settings)) as ledger:
        return [stored.record for batch in ledger.scan() for stored in batch]


def labels(settings: Settings) -> list[LabelRecord]:
    with closing(open_ledger(settings)) as ledger:
        return [stored.label for stored in ledger.labels()]


def example(name: str) -> TableMapping:
    return read_mapping(EXAMPLES / f"{name}.toml")


def test_a_warehouse_export(settings: Settings, tmp_path: Path) -> None:
    header = "user_id;happened_at;action;ip_address;device_id;user_agent;email;phone;plan;card_token;result;amount;currency;billing_address"
    lines = [
        header,
        "u1;01.07.2026 12:00:00;register;198.51.100.7;dev1;UA;zoë@müller.example;+49 171 1234567;;;;;;",
        "u1;01.07.2026 13:00:00;login;198.51.100.8;dev1;UA;;;;;;;;",
        'u1;01.07.2026 14:00:00;pay;198.51.100.8;;;;;;card-1;OK;"12,34";;Main Street 5',
        "u1;01.07.2026 15:00:00;viewed;198.51.100.8;;;;;;;;;;",
    ]
    path = tmp_path / "export.csv"
    path.write_bytes("\r\n".join(lines).encode("cp1252"))
    summary = import_table(settings, str(path), example("warehouse"))
    assert (summary.rows, summary.events, summary.refused) == (4, 3, 0)
    signup, login, payment = records(settings)
    assert [one.type for one in (signup, login, payment)] == ["signup", "login", "payment"]
    assert signup.occurred_ms == 1_782_900_000_000
    assert {one.type for one in signup.identifiers} == {"ip", "subnet", "device", "email", "mail_domain", "phone"}
    assert signup.plan == "free"
    assert (payment.amount_minor, payment.currency, payment.payment_outcome) == (1234, "EUR", "authorised")
    assert {one.type for one in payment.identifiers} >= {"instrument", "postal_address"}
    kept = msgspec.json.encode(records(settings)).decode()
    for secret in ("zoë", "1234567", "dev1", "card-1", "198.51.100.7", "Main Street"):
        assert secret not in kept


def test_a_transfer_list_names_both_sides(settings: Settings, tmp_path: Path) -> None:
    table, decided = transfers(tmp_path, accounts=200)
    summary = import_table(settings, str(table), example("transfers"))
    assert summary.events == 2 * summary.rows
    assert import_table(settings, str(decided), example("labels")).labels > 50
    found = records(settings)
    peers = {(one.account_id, peer.account_id) for one in found for peer in one.peers}
    assert {target for _, target in peers} <= {one.account_id for one in found}
    assert {name for one in found for name in one.attributes} == {"sent", "received"}
    assert {label.operator_id is not None for label in labels(settings) if label.verdict == "abusive"} == {True}


def test_rows_that_are_accounts(settings: Settings, tmp_path: Path) -> None:
    path = transactions(tmp_path, count=300)
    summary = import_table(settings, str(path), example("transactions"))
    found = records(settings)
    assert summary.events == len(found) == len({one.account_id for one in found}) == 300
    assert found[0].account_id.startswith("tx-")
    assert {type(value) for one in found for value in one.attributes.values()} == {float, bool, str}
    assert {label.account_id for label in labels(settings)} < {one.account_id for one in found}


def test_rows_without_ids_are_accounts_too(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ("at", "card"), [("2026-01-01", "c1"), ("2026-01-01", "c1")])
    mapping = parse_mapping(
        'version = 1\naccount = { row = true, prefix = "p-" }\ntime = "at"\n[[event]]\ntype = "activity"\nidentifiers = { card = "card" }\n'
        '[[label]]\nverdict = { value = "benign" }\nsource = { value = "x" }'
    )
    import_table(settings, str(path), mapping)
    found = records(settings)
    assert len({one.account_id for one in found}) == 2
    assert {label.account_id for label in labels(settings)} == {one.account_id for one in found}


def test_however_packed_the_same_table_adds_nothing(settings: Settings, tmp_path: Path) -> None:
    table, _ = transfers(tmp_path, accounts=60)
    content = table.read_bytes()
    packed, pressed = tmp_path / "again.csv.gz", tmp_path / "more.csv.zst"
    packed.write_bytes(gzip.compress(content))
    pressed.write_bytes(zstandard.compress(content))
    first = import_table(settings, str(table), example("transfers"))
    before = records(settings)
    for path in (table, packed, pressed):
        again = import_table(settings, str(path), example("transfers"))
        assert (again.events, again.known, again.refused) == (0, first.events, 0)
    assert records(settings) == before


def test_parquet_and_csv_say_the_same(settings: Settings, tmp_path: Path) -> None:
    path = transactions(tmp_path, count=150)
    table = pa.csv.read_csv(path)
    index = table.column_names.index("shop_sort")
    pq.write_table(table.set_column(index, "shop_sort", table["shop_sort"].dictionary_encode()), tmp_path / "t.parquet")
    import_table(settings, str(path), example("transactions"))
    before = len(records(settings))
    numbered = path.read_text().replace("\n0", "\n")
    path.write_text(numbered)
    other = settings.model_copy(update={"data": tmp_path / "other", "token_key": None})
    (tmp_path / "other").mkdir()
    (tmp_path / "other/token.key").write_bytes((settings.places.root / "token.key").read_bytes())
    summary = import_table(other, str(tmp_path / "t.parquet"), example("transactions"))
    assert (summary.events, summary.refused) == (before, 0)
    ours, theirs = records(settings), records(other)
    assert [one.identifiers for one in ours] == [one.identifiers for one in theirs]
    assert [one.attributes for one in ours] == [one.attributes for one in theirs]
    assert [one.occurred_ms for one in ours] == [one.occurred_ms for one in theirs]


def test_bad_rows_are_told_and_kept_aside(settings: Settings, tmp_path: Path) -> None:
    rows = [
        ("a", "2026-01-01", "198.51.100.1"),
        ("", "2026-01-01", "198.51.100.1"),
        ("b", "yesterday", "198.51.100.1"),
        ("c", "2026-01-01", "secret-place"),
        ("d", "2099-01-01", ""),
        ("e", "2026-01-01"),
        ("f", "2026-01-02", ""),
    ]
    path = write(tmp_path / "logins.csv", ("who", "at", "ip"), rows)
    summary = import_table(settings, str(path), LOGINS)
    assert (summary.rows, summary.events, summary.refused) == (7, 2, 5)
    assert "logins.csv row 2 (line 3), column who: The cell is empty." in summary.first[0]
    assert "secret-place" not in str(summary.first)
    assert summary.rejects is not None
    assert summary.rejects.stat().st_mode & 0o777 == 0o600
    kept = [json.loads(line) for line in summary.rejects.read_text().splitlines()]
    assert [(one["row"], one["column"], one["code"]) for one in kept] == [
        (2, "who", "missing"),
        (3, "at", "no_time"),
        (4, "ip", "bad_ip"),
        (5, "at", "in_future"),
        (6, "", "bad_row"),
    ]
    assert all(one["hint"] for one in kept)
    assert kept[2]["cells"]["ip"] == "secret-place"
    with pytest.raises(BadInput, match="row 2"):
        import_table(settings, str(path), LOGINS, strict=True)


def test_rows_are_chosen(settings: Settings, tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        ("who", "at", "n"),
        [(name, "2026-01-01", n) for name, n in zip("abcd", (1, 2, "", 4), strict=True)],
    )
    top = 'version = 1\naccount = "who"\ntime = "at"\n[[event]]\ntype = "activity"\n'
    for when, expected in (
        ("in = [1, 2]", "ab"),
        ('not_in = ["1"]', "bcd"),
        ("present = false", "c"),
        ("above = 1, below = 3", "b"),
        ("above = 1, not_in = [4]", "b"),
    ):
        mapping = parse_mapping(top + f'name = "{expected}{len(when)}"\nwhen = {{ column = "n", {when} }}\n')
        before = len(records(settings))
        import_table(settings, str(path), mapping)
        assert "".join(one.account_id for one in records(settings)[before:]) == expected


def test_a_row_is_taken_whole_or_not_at_all(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ("sender", "receiver", "amount", "booked"), [("a", "", "5", "1767225600")])
    summary = import_table(settings, str(path), example("transfers"))
    assert (summary.events, summary.refused) == (0, 1)


def test_another_mapping_of_the_same_rows_is_a_conflict(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "logins.csv", ("who", "at", "ip"), [("a", "2026-01-01", "198.51.100.1")])
    import_table(settings, str(path), LOGINS)
    other = parse_mapping('version = 1\naccount = "who"\ntime = "at"\n[[event]]\ntype = "login"\n')
    summary = import_table(settings, str(path), other)
    assert (summary.events, summary.refused) == (0, 1)
    assert "another mapping" in summary.first[0]


def test_an_unclosed_quotation_mark_spoils_its_own_cell_only(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "logins.csv"
    long = "x" * (1 << 20) + "\n"
    path.write_text('who,at,ip\na,2026-01-01,\nb,2026-01-01,"' + long + "c,2026-01-02,\n", "utf-8")
    summary = import_table(settings, str(path), LOGINS)
    assert [one.account_id for one in records(settings)] == ["a", "c"]
    assert summary.refused == 1


def test_a_wrong_byte_spoils_its_own_row_only(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "logins.csv"
    path.write_bytes(b"\xef\xbb\xbfwho,at,ip\na\xff,2026-01-01,\nb,2026-01-01,\n")
    summary = import_table(settings, str(path), LOGINS)
    assert [one.account_id for one in records(settings)] == ["b"]
    assert "[table] encoding" in summary.first[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"who,who,ip\n", "two columns called 'who'"),
        (b"whom,at,ip\n", "Did you mean 'whom'?"),
        (b"who,at\n", "no column 'ip'"),
    ],
)
def test_tables_that_do_not_fit_are_refused(settings: Settings, tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        import_table(settings, str(path), LOGINS)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_a_missing_file_is_said(settings: Settings, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=f"no file {name}"):
        import_table(settings, str(tmp_path / name), LOGINS)


def test_files_without_a_header_and_with_other_marks(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("'a'|2026-01-01|\n'b'|2026-01-01|\n")
    mapping = parse_mapping(
        'version = 1\naccount = "who"\ntime = "at"\n[table]\ndelimiter = "|"\nquote = "\'"\ncolumns = ["who", "at", "ip"]\n'
        '[[event]]\ntype = "login"\n'
    )
    assert import_table(settings, str(path), mapping).events == 2
    assert [one.account_id for one in records(settings)] == ["a", "b"]


def test_accounts_can_be_kept_as_tokens(settings: Settings, tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv", ("who", "at"), [("Ada@example.org", "2026-01-01"), ("ada@example.org", "2026-01-02")]
    )
    mapping = parse_mapping(
        'version = 1\naccount = { column = "who", token = true }\ntime = "at"\n[[event]]\ntype = "activity"\n'
    )
    import_table(settings, str(path), mapping)
    found = records(settings)
    assert len({one.account_id for one in found}) == 1
    assert "example.org" not in msgspec.json.encode(found).decode()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_stopped_import_goes_on(settings: Settings, tmp_path: Path, kind: str) -> None:
    rows = [(f"u{number}", "" if number % 2_000 == 0 else "2026-01-01", "") for number in range(1, 16_001)]
    path = write(tmp_path / "logins.csv", ("who", "at", "ip"), rows)
    if kind == "parquet":
        text = pa.csv.ConvertOptions(column_types=dict.fromkeys(("who", "at", "ip"), pa.string()))
        path = tmp_path / "logins.parquet"
        pq.write_table(pa.csv.read_csv(tmp_path / "logins.csv", convert_options=text), path)
    mapping = tmp_path / "m.toml"
    mapping.write_text('version = 1\naccount = "who"\ntime = "at"\n[[event]]\ntype = "login"\nip = "ip"\n')
    code = (
        "import sys; from graphsvc.jobs import importing; importing.MARK_EVERY_S = 0.0; "
        "from graphsvc.cli import main; sys.argv = ['graphsvc', *sys.argv[1:]]; main()"
    )
    command = [sys.executable, "-c", code, "import", str(path), "--mapping", str(mapping)]
    marks = settings.places.root / "imports"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None and not list(marks.glob("*.json")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    summary = import_table(settings, str(path), read_mapping(mapping))
    assert 0 < summary.skipped <= summary.rows == 16_000
    assert summary.refused == 8
    assert summary.rejects is not None
    kept = [json.loads(line)["row"] for line in summary.rejects.read_text().splitlines()]
    assert kept == list(range(2_000, 16_001, 2_000))
    assert len({one.account_id for one in records(settings)}) == 16_000 - 8
    assert not list(marks.glob("*.json"))
