"""`graphsvc explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from graphsvc.cli.console import out, progress, say
from graphsvc.cli.detect import AsOf, moment
from graphsvc.config import load_settings

if TYPE_CHECKING:
    from graphsvc.jobs.explain import AccountSaid

LINKS_SHOWN = 12


def explain(
    account: Annotated[str, typer.Argument(help="An account id.", show_default=False)],
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say which links, accounts and facts of its own carry an account's score, and the fewest links without which it
    would not be flagged, by scoring it anew without each. Default moment: that of the detection shown.

    Example: graphsvc explain acct-000042 --json
    """
    from graphsvc.jobs.explain import explain_account

    settings = load_settings()
    with progress("explain") as report:
        found = explain_account(settings, account, moment(as_of), report)
    if as_json:
        say(msgspec.json.encode(found).decode())
    else:
        show(found)


def show(found: AccountSaid) -> None:
    """Prints the explanation in words."""
    flagged = "flagged" if found.flagged else "not flagged"
    say(f"{found.account_id}: probability {found.probability:.3f}, {flagged}.")
    if found.verdict == "unknown":
        say("Verdict: unknown. The model cannot tell this account: a review decides, not a rule.")
    else:
        say(f"Verdict: {found.verdict}.")
    say(f"Log odds {found.log_odds:+.2f}; without any link {found.own_log_odds:+.2f}.")
    if abs(found.difference) >= 0.05:
        say(f"Read from {found.accounts_read:,} accounts around it, which differs by {found.difference:+.2f}.")
    if not found.links:
        say("It shares nothing with another account.")
    else:
        out.print(_links(found))
    if found.neighbours:
        say("Accounts that carry most: " + _list([(one.account_id, one.log_odds) for one in found.neighbours[:5]]))
    if found.own:
        say("Its own behaviour, by the trees: " + _list([(one.name, one.log_odds) for one in found.own]))
    say(_without(found))


def _links(found: AccountSaid) -> Table:
    table = Table(box=None, header_style="dim")
    for name in ("#", "log odds", "shares", "bits", "with", "identifier"):
        table.add_column(name)
    for place, link in enumerate(found.links[:LINKS_SHOWN]):
        row = (str(place + 1), f"{link.log_odds:+.2f}", link.type, f"{link.bits:.1f}", f"{link.accounts_count:,}")
        table.add_row(*row, link.id or "")
    return table


def _list(facts: list[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {log_odds:+.2f}" for name, log_odds in facts)


def _without(found: AccountSaid) -> str:
    if not found.flagged:
        return "It is not flagged."
    without = found.counterfactual
    if without is None:
        return "No links can be left out so that it is not flagged: its own behaviour carries the score."
    names = ", ".join(f"#{place + 1} {found.links[place].type}" for place in without.links)
    proof = "no fewer do" if without.proven else "whether fewer would do was not tried to the end"
    return f"Without {names} it would not be flagged (probability {without.probability:.3f}); {proof}."
