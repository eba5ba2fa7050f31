"""Evidence groups and kinds: which identifier types count as one piece of evidence, and what a cluster can be."""

from __future__ import annotations

GROUPS: tuple[str, ...] = (
    "network",
    "device",
    "payment",
    "mail",
    "phone",
    "org",
    "referral",
    "key",
    "prompt",
    "conversation",
    "own",
    "peer",
    "combination",
    "timing",
)
"""Evidence groups. Types of one group depend on each other (an address lies in its subnet) and count once."""

MODEL_GROUPS = GROUPS[:12]
"""The groups that features are made of."""

STRENGTH_CAP_BITS = 12.0
"""An identifier worth this many bits or more counts fully, so that features are equal over populations of any size."""

GROUP_OF_TYPE: dict[str, str] = {
    "ip": "network",
    "subnet": "network",
    "asn": "network",
    "device": "device",
    "tls": "device",
    "instrument": "payment",
    "bin": "payment",
    "email": "mail",
    "mail_domain": "mail",
    "phone": "phone",
    "org": "org",
    "referral_code": "referral",
    "api_key": "key",
    "prompt_family": "prompt",
    "prompt_frame": "prompt",
    "conversation": "conversation",
    "conversation_in_org": "org",
}

ABUSIVE_KINDS: tuple[str, ...] = ("distillation", "resale_relay", "trial_farm", "stolen_account", "other_abuse")
BENIGN_KINDS: tuple[str, ...] = ("shared_organisation", "shared_network", "household", "other_benign")
KINDS: tuple[str, ...] = ABUSIVE_KINDS + BENIGN_KINDS

_INDEX = {name: index for index, name in enumerate(GROUPS)}


def group_index(identifier_type: str) -> int:
    """The ordinal in GROUPS of an identifier type; a type of the caller's own lies in `own`."""
    return _INDEX[GROUP_OF_TYPE.get(identifier_type, "own")]
