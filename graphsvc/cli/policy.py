"""`graphsvc policy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from graphsvc.cli.console import say
from graphsvc.cli.detect import moment
from graphsvc.config import load_settings

if TYPE_CHECKING:
    from graphsvc.jobs.policy_replay import Accounts, Measured, Replay
    from graphsvc.risk.policy import Policy

EVER_MS = 2**62
app = typer.Typer(
    name="policy", help="What risk answers recommend: show, check, test.", no_args_is_help=True, rich_markup_mode=None
)
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A policy file (docs/policy.md).")]


@app.command()
def show(
    toml: Annotated[bool, typer.Option("--toml", help="The file itself, to begin another with.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the policy in force: thresholds and actions by type of event, channel and watch list.

    Example: graphsvc policy show
    Example: graphsvc policy show --toml > policy.toml
    """
    from graphsvc.risk.policy import Policy
    from graphsvc.risk.policy.keeper import place_of_policy

    path = place_of_policy(load_settings())
    policy = Policy.load(path)
    if toml:
        say(path.read_text(encoding="utf-8"), end="")
    elif as_json:
        say(msgspec.json.format(msgspec.json.encode(_facts(policy)), indent=1).decode())
    else:
        _say_policy(policy)


@app.command()
def check(file: File) -> None:
    """Check a policy file: every key is known, thresholds rise, actions grow stricter. Exit code 1 where it is wrong.

    Example: graphsvc policy check policy.toml
    """
    from graphsvc.risk.policy import Policy

    policy = Policy.load(file)
    say(f"The policy is good: version {policy.version}.")


@app.command("test")
def replay_history(
    file: File,
    since: Annotated[str | None, typer.Option(metavar="T", help="RFC 3339; default: all that is remembered.")] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="RFC 3339, not included.")] = None,
    as_json: AsJson = False,
) -> None:
    """Replay what was assessed under the policy in force and under another: who would have been treated otherwise, and
    how many of them are confirmed abusive or benign by now. Changes nothing.

    Example: graphsvc policy test policy.toml --since 2026-02-01 --until 2026-02-08
    Example: graphsvc policy test policy.toml --json
    """
    from graphsvc.jobs.policy_replay import replay
    from graphsvc.risk.policy import Policy
    from graphsvc.risk.policy.keeper import place_of_policy

    new = Policy.load(file)
    settings = load_settings()
    since_ms, until_ms = moment(since, "--since"), moment(until, "--until")
    found = replay(
        settings,
        Policy.load(place_of_policy(settings)),
        new,
        0 if since_ms is None else since_ms,
        EVER_MS if until_ms is None else until_ms,
    )
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
    else:
        _say_replay(found)


def _facts(policy: Policy) -> dict[str, object]:
    return {
        "version": policy.version,
        "holdout_share": policy.holdout_share,
        "shadows": policy.shadows,
        "rules": [
            {"event_type": event, "channel": channel, "watched": watched, **_grades(policy, event, channel, watched)}
            for event, channel, watched in policy.cells
        ],
    }


def _grades(policy: Policy, event: str, channel: str, watched: bool) -> dict[str, object]:
    grades = policy.cells[event, channel, watched].grades
    return {"thresholds": grades.bounds, "actions": grades.actions}


def _say_policy(policy: Policy) -> None:
    say(f"Policy {policy.version}; holdout {policy.holdout_share:.1%}; shadow rules: {len(policy.shadows)}.")
    say(f"{'event':<13}{'channel':<22}{'watched':<9}{'low':<8}{'medium':<17}{'high':<17}critical")
    for (event, channel, watched), cell in policy.cells.items():
        plainer = ([(event, "", watched)] if channel else []) + ([(event, channel, False)] if watched else [])
        if any(policy.cells[one].grades == cell.grades for one in plainer):
            continue
        steps = zip(("", *(f"{bound:.3g} " for bound in cell.grades.bounds)), cell.grades.actions, strict=True)
        low, medium, high, critical = (f"{bound}{action}" for bound, action in steps)
        kind = f"{event:<13}{channel or '–':<22}{'yes' if watched else '–':<9}"
        say(f"{kind}{low:<8}{medium:<17}{high:<17}{critical}")


def _say_replay(found: Replay) -> None:
    say(f"{found.assessments:,} assessments of {_said(found.accounts)}.")
    say(f"Present: {found.present_version}. New: {found.new_version}.")
    if found.otherwise:
        say(f"At their time {found.otherwise:,} assessments were answered otherwise than the present policy would.")
    say("\nAccounts by the strictest action:")
    say(f"{'event':<13}{'action':<11}{'present':>9}{'abusive':>9}{'benign':>8}   {'new':>9}{'abusive':>9}{'benign':>8}")
    for row in found.by_action:
        sides = ["".join((f"{s.accounts:>9,}", f"{s.abusive:>9,}", f"{s.benign:>8,}")) for s in (row.present, row.new)]
        say(f"{row.event_type:<13}{row.action:<11}{'   '.join(sides)}")
    say("\nWhat changes:" if found.changes else "\nNothing changes for anybody.")
    for change in found.changes:
        say(f"  {change.event_type}: {change.present} → {change.new}: {_said(change.count)}")
    _say_holdout(found)
    for shadow in found.shadows:
        say(f"Shadow rule {shadow.name}: stricter with {_said(shadow.stricter)}; milder with {_said(shadow.milder)}.")


def _say_holdout(found: Replay) -> None:
    held = found.holdout
    say(f"\nHeld out: present {_said(held.present)} ({held.present_share:.1%} of those that it would stop);")
    say(f"  new {_said(held.new)} ({held.new_share:.1%}).")
    say(f"False positives among those that really were held out: {_rate(held.recorded)}.")
    if held.recorded.count.accounts:
        say(f"  Of these the present policy would stop: {_rate(held.recorded_present)}.")
        say(f"  Of these the new policy would stop: {_rate(held.recorded_new)}.")


def _rate(measured: Measured) -> str:
    share = measured.false_positives
    if share.rate is None:
        return f"unknown ({_said(measured.count)})"
    return f"{share.rate:.1%} ({share.low:.1%} to {share.high:.1%}; {_said(measured.count)})"


def _said(count: Accounts) -> str:
    noun = "account" if count.accounts == 1 else "accounts"
    return f"{count.accounts:,} {noun}, {count.abusive:,} confirmed abusive, {count.benign:,} confirmed benign"
