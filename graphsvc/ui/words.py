"""How the pages say things: kinds, numbers, times, identifier types."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

SHORT = 14


@dataclass(frozen=True)
class Kind:
    """`about`: what such a cluster is, in one sentence."""

    name: str
    abusive: bool
    about: str


KINDS = {
    "distillation": Kind(
        "Distillation", True, "Accounts that send templated prompts to copy a model from its answers."
    ),
    "resale_relay": Kind("Resale relay", True, "Accounts behind a relay that sells access to the models to others."),
    "trial_farm": Kind("Trial farm", True, "Accounts opened in number to use up free trials or credits."),
    "stolen_account": Kind("Stolen accounts", True, "Accounts of real customers that somebody else has taken over."),
    "other_abuse": Kind("Other abuse", True, "Accounts run by one hand against the rules in some other way."),
    "shared_organisation": Kind(
        "Shared organisation", False, "People of one organisation, who have a reason to look alike."
    ),
    "shared_network": Kind(
        "Shared network", False, "People behind one network: a campus, an office, a mobile carrier."
    ),
    "household": Kind("Household", False, "People who live together and share devices, cards or an address."),
    "other_benign": Kind("Other innocent", False, "Accounts that are linked for some other innocent reason."),
}
LABELS = {
    "asn": "Network operator",
    "api_key": "API key",
    "bin": "Card issuer range",
    "email": "Mailbox",
    "instrument": "Payment instrument",
    "ip": "Network address",
    "mail_domain": "Mail domain",
    "dataset_generation": "Training data",
    "org": "Organisation",
    "peer": "Direct dealings",
    "prompt_extraction": "Hidden instructions",
    "prompt_family": "Prompt template",
    "step_by_step": "Step-by-step reasoning",
    "tls": "Client program (TLS)",
    "tool_trace": "Traces of tool use",
}


def kind(code: str) -> Kind:
    """A kind this version does not know is shown by its code, and as abusive: never as innocent by mistake."""
    return KINDS.get(code) or Kind(label(code), True, "A kind that this version of the pages does not describe.")


def label(code: str) -> str:
    """An identifier's type, a status or a sort as a person reads it."""
    return LABELS.get(code) or code.replace("_", " ").capitalize()


def percent(share: float) -> str:
    """A probability; never 0% or 100%, which it cannot be."""
    if share < 0.005:
        return "<1%"
    return ">99%" if share >= 0.995 else f"{share:.0%}"


def number(count: int) -> str:
    return f"{count:,}"


def share(part: float) -> str:
    """A counted share, which may be none or all."""
    return "<1%" if 0 < part < 0.005 else f"{part:.0%}"


def day(at_ms: int) -> str:
    """UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")


def moment(at_ms: int) -> str:
    """UTC, to the minute."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def short(token: str) -> str:
    """A long token's beginning; a short one whole."""
    return token if len(token) <= SHORT + 2 else f"{token[:SHORT]}…"
