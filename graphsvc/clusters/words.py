"""Evidence in plain words."""

from __future__ import annotations

DOES: dict[str, tuple[str, str]] = {
    "instrument": ("pay with the same instrument", "pay with it too"),
    "bin": ("pay with cards of the same issuer range", "do so too"),
    "device": ("use the same device", "use it too"),
    "tls": ("connect with the same client program", "do so too"),
    "phone": ("gave the same phone number", "gave it too"),
    "email": ("gave the same mailbox", "gave it too"),
    "mail_domain": ("have mail addresses of the same domain", "have such addresses too"),
    "conversation": ("continue the same conversation", "continue it too"),
    "conversation_in_org": ("go on with a conversation of a colleague's", "go on with it too"),
    "ip": ("come from the same network address", "come from it too"),
    "subnet": ("come from the same subnet", "come from it too"),
    "asn": ("come from the same network operator", "come from it too"),
    "org": ("belong to the same organisation", "belong to it too"),
    "referral_code": ("came by the same referral code", "came by it too"),
    "api_key": ("use the same API key", "use it too"),
    "prompt_family": ("send prompts of the same template", "send them too"),
    "prompt_frame": ("send many prompts of the same frame", "send them too"),
}
"""For each type what members do, and what others do likewise."""

TIES = {
    "peer": "deal with each other directly",
    "hand_over": "take over from each other within seconds",
    "cooldown": "rest and return in the same phases",
    "synchrony": "act at the same moments, more often than their hours explain",
}
"""What accounts do to each other that is no identifier; other ties are the caller's own words for dealings."""

SINGULAR = {"have": "has", "do": "does", "gave": "gave", "came": "came"}
HUB = "so many do that it connects nobody"
ORGANISATION = "members of one have a reason to look alike"


def sentence(identifier_type: str, accounts: int, size: int, outside: int, bits: float, *, counter: bool) -> str:
    """One line for a person, as "14 of 16 accounts pay with the same instrument; nobody else does: 9.1 bits."."""
    own = (f"share the same {identifier_type.replace('_', ' ')}", "share it too")
    members, others = DOES.get(identifier_type, own)
    line = f"{accounts} of {size} accounts {members}; {_others(outside, others)}"
    if not counter:
        return f"{line}: {bits:.1f} bits."
    return f"{line}: {ORGANISATION if identifier_type == 'org' else HUB}."


def tie_sentence(kind: str, accounts: int, size: int, bits: float) -> str:
    """One line for a person on what members do to each other."""
    line = f"{accounts} of {size} accounts {TIES[kind]}"
    return f"{line}: {bits:.1f} bits at most between two." if bits > 0 else f"{line}."


def _others(outside: int, do: str) -> str:
    if not outside:
        return "nobody else does"
    if outside == 1:
        return f"1 other {_singular(do)}"
    return f"{outside:,} others {do}"


def _singular(do: str) -> str:
    verb, rest = do.split(" ", 1)
    return f"{SINGULAR.get(verb, verb + 's')} {rest}"
