"""The model card: what a model is for, what it learnt from, how good and how unsafe it is, made from its manifest.

Its parts are those of Mitchell et al. 2019 (Model Cards for Model Reporting).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from gnn.groups import ABUSIVE_KINDS

CARD = "MODEL_CARD.md"
FEW_UNITS = 20
MUCH_ACCUSED = 0.005
"""A share of innocents accused, of the interval's upper end, from which the card warns."""

FOR = """It gives accounts of an AI provider and the clusters they form a probability of abuse (distillation, resale,
trial farming, stolen accounts) and clusters a kind, for people who review them and for risk answers at signup."""
NOT_FOR = """- to decide alone, without a person and without the evidence, about an account that somebody needs;
- to judge people: it knows accounts that share things, not who is behind them;
- where country, language, names or nationality shall count: it reads none of them;
- on other data than its features are made of, or on a provider whose log lacks most of them, without an evaluation."""
WEAK = """- An account that shares nothing with others is judged by what it does alone, which tells little.
- Clusters that hold many innocents and a few proxies (a mobile carrier, a campus) are told apart only by their members.
- Labels are partial and late: who was never found counts as a weak negative.
- What operators change after the data window is unknown to it; drift must be watched."""


def card(manifest: Mapping[str, Any]) -> str:
    """The card in Markdown of a model with this manifest."""
    notes = manifest.get("notes", {})
    parts = (
        (f"Model {manifest['version']}", _about(manifest, notes)),
        ("What it is for", FOR),
        ("What it must not be used for", NOT_FOR),
        ("Data", _data(notes)),
        ("Measured on operators held out of training", _measures(notes)),
        ("By group", _groups(notes.get("groups", {}))),
        ("Known weaknesses", "\n".join([WEAK, *_warnings(notes)])),
        ("Features", _features(manifest)),
    )
    head, *rest = parts
    return "\n\n".join([f"# {head[0]}", head[1], *(f"## {title}\n\n{text}" for title, text in rest)]) + "\n"


def _about(manifest: Mapping[str, Any], notes: Mapping[str, Any]) -> str:
    registered, code = manifest.get("registered", {}), notes.get("code", {})
    config = notes.get("config", {})
    rows = {
        "made": _time(registered.get("created_ms")),
        "follows": registered.get("parent", ""),
        "code": ", ".join(f"{name} {value}" for name, value in code.items()),
        "seed": config.get("seed", ""),
        "settings": ", ".join(f"{name} {value}" for name, value in config.items() if name != "seed"),
        "adapted": _adapted(notes.get("adapted")),
        "made of": f"{manifest['networks']} graph neural networks, each with boosted trees beside it",
    }
    return "\n".join(f"- {name}: {value}" for name, value in rows.items() if value != "")


def _adapted(notes: Mapping[str, Any] | None) -> str:
    if notes is None:
        return ""
    return (
        f"from model {notes['from']} to {notes['labels']:,} labels, {notes['abusive']:,} of them abusive in "
        f"{notes['rings']:,} rings; log loss held out {notes['log_loss_before']:.4f} to {notes['log_loss']:.4f}"
    )


def _data(notes: Mapping[str, Any]) -> str:
    window = notes.get("window", {})
    if not window:
        return "Not noted."
    lines = [
        f"- {window['networks']} looks, from {_time(window['first_as_of_ms'])} to {_time(window['last_as_of_ms'])}",
        f"- {window['accounts']:,} accounts over all looks",
    ]
    if window.get("labels"):
        lines.append(f"- {window['labels']:,} labels, the last decided {_time(window['labels_until_ms'])}")
    if notes.get("worlds"):
        lines.append(f"- simulated worlds: {notes['worlds']}")
    return "\n".join(lines)


def _measures(notes: Mapping[str, Any]) -> str:
    metrics, alone = notes.get("metrics", {}), notes.get("network_alone", {})
    lines = ["| measure | model | 95 % interval | networks without trees |", "|---|---|---|---|"]
    for name, value in metrics.items():
        ends = notes.get("intervals", {}).get(name)
        interval = f"{ends[0]:.4f} to {ends[1]:.4f}" if ends else "not drawn"
        other = f"{alone[name]:.4f}" if name in alone else ""
        lines.append(f"| {name.replace('_', ' ')} | {value:.4f} | {interval} | {other} |")
    return "\n".join(lines) if metrics else "Not noted."


def _groups(groups: Mapping[str, Mapping[str, float]]) -> str:
    if not groups:
        return "Not noted."
    lines = [
        "Called abusive, or in a cluster that is: of abusive kinds found, of all others accused, wrongly as far as",
        "their labels are right. Units are clusters and single accounts; intervals are drawn over them.",
        "",
        "| group | found or accused | 95 % interval | units |",
        "|---|---|---|---|",
    ]
    for name, one in sorted(groups.items(), key=lambda item: (item[0] not in ABUSIVE_KINDS, item[0])):
        interval = f"{one['low']:.2%} to {one['high']:.2%}"
        lines.append(f"| {name.replace('_', ' ')} | {one['accused']:.2%} | {interval} | {int(one['units']):,} |")
    return "\n".join(lines)


def _warnings(notes: Mapping[str, Any]) -> Iterator[str]:
    """Weaknesses that the figures tell."""
    for name, one in notes.get("groups", {}).items():
        said = name.replace("_", " ")
        if one["units"] < FEW_UNITS:
            yield f"- Of {said} there were only {int(one['units'])} units to measure on."
        elif name not in ABUSIVE_KINDS and one["low"] > MUCH_ACCUSED:
            yield f"- Of {said} it accused {one['accused']:.2%} on the data it was measured on."


def _features(manifest: Mapping[str, Any]) -> str:
    lists = (("of accounts", manifest["features"]), ("of the real-time head", manifest["head_features"]))
    return "\n\n".join(f"{len(names)} {title}: {', '.join(names)}." for title, names in lists)


def _time(at_ms: int | None) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC") if at_ms else ""
