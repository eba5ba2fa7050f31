"""Made tables to import: transfers with rings of mules, and a log of card payments of which some are fraud."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 40


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def transfers(folder: Path, accounts: int, seed: int = 1) -> tuple[Path, Path]:
    """A transfer list and a labels table. One account in twenty is of a ring of eight that passes large sums around."""
    luck = random.Random(seed)
    mules = accounts // 20 // 8 * 8
    rows = []
    for account in range(accounts):
        for _ in range(luck.randint(2, 8)):
            if account < mules:
                ring = account // 8 * 8
                other = ring + luck.randrange(8) if luck.random() < 0.6 else luck.randrange(accounts)
                amount = luck.lognormvariate(6, 0.6)
            else:
                other, amount = luck.randrange(accounts), luck.lognormvariate(4, 1)
            at = START + timedelta(seconds=luck.randrange(DAYS * 86_400))
            if other != account:
                rows.append((f"a{account:05d}", f"a{other:05d}", f"{amount:.2f}", int(at.timestamp())))
    rows.sort(key=lambda row: row[3])
    decided = []
    for account in range(accounts):
        if luck.random() < (0.7 if account < mules else 0.3):
            at = START + timedelta(days=luck.uniform(5, DAYS))
            outcome = "fraud" if account < mules else "false_alarm"
            decided.append((f"a{account:05d}", outcome, "", f"r{account // 8}" if account < mules else "", 90, at))
    header = ("user_id", "outcome", "scheme", "ring", "certainty", "closed")
    labels = write(folder / "labels.csv", header, ((*one[:5], one[5].isoformat()) for one in decided))
    return write(folder / "transfers.csv", ("sender", "receiver", "amount", "booked"), rows), labels


def transactions(folder: Path, count: int, seed: int = 1) -> Path:
    """Card payments, one a row; one in twenty is made with a stolen card on one of a few devices."""
    luck = random.Random(seed)
    header = (
        "transaction_id,time,customer_id,card,card_bin,device,ip,shop_id,shop_sort,amount,online,approved,fraud,decided"
    )
    rows = []
    for number in range(count):
        fraud = luck.random() < 0.05
        customer = luck.randrange(count // 6)
        at = START + timedelta(seconds=luck.randrange(DAYS * 86_400))
        device = f"df{luck.randrange(count // 100)}" if fraud and luck.random() < 0.8 else f"d{customer}"
        amount = luck.lognormvariate(5 if fraud else 3.5, 0.8)
        decided = at + timedelta(days=luck.uniform(2, 20))
        known = luck.random() < 0.8 and decided < START + timedelta(days=DAYS)
        rows.append(
            (
                *(f"{number:06d}", at.isoformat(), f"c{customer}", f"k{customer}", f"4{customer % 50:05d}", device),
                *(f"198.51.{customer % 100}.{luck.randrange(250)}", f"s{luck.randrange(200)}"),
                *(
                    luck.choice(["food", "travel", "games"]),
                    f"{amount:.2f}",
                    int(luck.random() < (0.95 if fraud else 0.5)),
                ),
                *(
                    int(luck.random() < (0.7 if fraud else 0.95)),
                    int(fraud) if known else "",
                    decided.isoformat() if known else "",
                ),
            )
        )
    rows.sort(key=lambda row: str(row[1]))
    return write(folder / "transactions.csv", header.split(","), rows)
