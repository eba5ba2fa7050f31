"""What an import would understand is shown without an identifier; a proposed mapping is one that can be used."""

from __future__ import annotations

from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from graphsvc.config import Settings
from graphsvc.events.mapping import parse_mapping, read_mapping
from graphsvc.jobs.dry_run import dry_run
from graphsvc.jobs.importing import import_table
from graphsvc.jobs.infer import proposal
from tests.importing.tables import transactions, transfers, write

EXAMPLES = Path(__file__).parents[2] / "examples/import"


def test_a_dry_run_counts_and_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    path = transactions(tmp_path, count=300)
    text = path.read_text().splitlines()
    text[3] = text[3].replace(text[3].split(",")[1], "long ago")
    text.append("short,row")
    path.write_text("\n".join(text) + "\n")
    report = dry_run(settings, str(path), read_mapping(EXAMPLES / "transactions.toml"))
    said = "\n".join(report.lines())
    assert (report.rows, report.refused) == (301, 2)
    assert report.events == {"payment": 299}
    assert (report.columns["time"].bad, report.columns["time"].bad_rows) == (1, [3])
    assert report.labels.keys() == {"benign", "abusive"}
    assert "2026-01-01" in said
    assert len(report.examples) == 2
    for secret in (text[1].split(",")[3], text[1].split(",")[5], text[1].split(",")[6]):
        assert f'"{secret}"' not in said
    assert not settings.places.root.exists()


def test_a_dry_run_names_mail_addresses_as_accounts(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ("who", "at", "spare"), [("ada@example.org", "2026-01-01", "x")])
    mapping = parse_mapping('version = 1\naccount = "who"\ntime = "at"\n[[event]]\ntype = "activity"\n')
    said = "\n".join(dry_run(settings, str(path), mapping).lines())
    assert "token = true" in said
    assert "left out" in said
    assert "example.org" not in said


def test_a_transfer_list_is_recognised(settings: Settings, tmp_path: Path) -> None:
    table, decided = transfers(tmp_path, accounts=400)
    mapping = parse_mapping(proposal(str(table)))
    assert [(one.name, one.account) for one in mapping.event] == [("sent", None), ("received", "receiver")]
    assert mapping.account == "sender"
    assert mapping.event[0].attributes == {"amount": "amount"}
    assert import_table(settings, str(table), mapping).refused == 0
    verdicts = parse_mapping(proposal(str(decided)))
    assert import_table(settings, str(decided), verdicts).labels > 20


def test_a_transaction_log_is_recognised(settings: Settings, tmp_path: Path) -> None:
    path = transactions(tmp_path, count=600)
    text = proposal(str(path))
    mapping = parse_mapping(text)
    [event] = mapping.event
    assert set(event.identifiers) == {"card", "shop_id"}
    assert set(event.attributes) >= {"amount", "shop_sort"}
    assert "fraud" not in event.attributes
    assert mapping.label
    assert "# [event.payment]" in text
    assert import_table(settings, str(path), mapping).refused == 0
    table = tmp_path / "t.parquet"
    pq.write_table(pyarrow.csv.read_csv(path), table)
    assert parse_mapping(proposal(str(table))).event[0].identifiers == event.identifiers


def test_an_export_with_actions_is_recognised(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    rows = ["user_id;created;event_type;email;ip;device_id;card_token;amount;country;note"]
    for number in range(300):
        action = ("register", "login", "purchase", "page_view")[number % 4]
        mail = f"zoë{number}@example.org" if action == "register" else ""
        card = f"card{number % 90}" if action == "purchase" else ""
        rows.append(
            f"u{number // 4};{number % 28 + 1:02d}.03.2026 10:00;{action};{mail};198.51.100.{number % 70};d{number // 5};{card};{number},5;DE;text {number}"
        )
    path.write_bytes("\n".join(rows).encode("cp1252"))
    text = proposal(str(path))
    mapping = parse_mapping(text)
    assert (mapping.table.delimiter, mapping.table.decimal, mapping.table.encoding) == (";", ",", "cp1252")
    assert {one.type for one in mapping.event} == {"signup", "login", "payment", "activity"}
    assert "# country: where people are from" in text
    assert "%d.%m.%Y %H:%M" in text
    assert import_table(settings, str(path), mapping).refused == 0


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        (("user_id", "n"), ("a", "5"), "# TIME?"),
        (("at", "n"), ("2026-01-01", "5"), "row = true"),
        (("user_id", "at", "fraud"), ("a", "2026-01-01", "1"), "no column tells when it was decided"),
        (("email", "at"), ("ada@example.org", "2026-01-01"), "version = 1"),
        (("user_id", "at"), ("ada@example.org", "2026-01-01"), "token = true"),
        (("user_id", "at"), ("a", "01/02/2026"), "other way round"),
    ],
)
def test_what_is_unsure_is_said(tmp_path: Path, header: tuple[str, ...], row: tuple[str, ...], said: str) -> None:
    rows = [row, row] if "fraud" not in header else [row, (*row[:2], "0")]
    assert said in proposal(str(write(tmp_path / "t.csv", header, rows)))
