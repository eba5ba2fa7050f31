"""How much a shared identifier says: bits by rarity, a prior by type, a discount for hubs, a decay by age.

Sharing identifier i, held by `degree` of N accounts, is worth log2(N / degree) bits (Shannon 1948: the surprise that
an account drawn at random holds it), times the prior of its type: the part of that surprise which one hand behind both
accounts explains and an innocent reason does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

POPULATION_MIN = 10_000
"""A log of few accounts is a sample of a larger population: a card shared by two of 200 is no weaker evidence than by
two of 10,000."""

HUB_CUT = 128
"""Held by so many accounts, an identifier says nothing alone: it is a carrier's, a campus's or a program's."""
DAY_MS = 86_400_000
GROUPS = (
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
"""Evidence groups; types of one group depend on each other and count as one piece of evidence. The place of a group
in this tuple is its bit in the `groups` mask of pairs."""

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int8s = npt.NDArray[np.int8]
Priors = Mapping[str, float]
"""Priors by type, in place of the shipped ones: see graphsvc.links.priors."""


@dataclass(frozen=True)
class TypeWeight:
    """`prior` multiplies the bits of rarity; a link loses half its weight each `half_life_days` without a sighting."""

    group: str
    prior: float
    half_life_days: float
    why: str


TYPES: dict[str, TypeWeight] = {
    "instrument": TypeWeight(
        "payment", 1.0, 360, "A payment instrument has one holder; families and firms share some."
    ),
    "bin": TypeWeight("payment", 0.3, 360, "A rare card issuer is a choice of supplier, but many innocents share it."),
    "device": TypeWeight("device", 1.0, 180, "A device has one or few users; farms reuse it or clone its identity."),
    "tls": TypeWeight("device", 0.2, 90, "A TLS print names a client program, not a machine; rare ones are tools."),
    "phone": TypeWeight("phone", 1.0, 360, "A phone number belongs to one person at a time."),
    "email": TypeWeight("mail", 1.0, 360, "A mailbox, dots and tags removed, has one reader."),
    "mail_domain": TypeWeight("mail", 0.6, 360, "A rare domain is a firm or a catch-all that one operator controls."),
    "conversation": TypeWeight("conversation", 1.2, 90, "Whoever continues a conversation held its history."),
    "conversation_in_org": TypeWeight(
        "org", 0.02, 90, "Colleagues of one organisation go on with each other's conversations in a shared workspace."
    ),
    "ip": TypeWeight("network", 0.8, 90, "An address is a household, an office or a proxy exit, and is reassigned."),
    "subnet": TypeWeight("network", 0.4, 90, "Neighbouring addresses are one site or one hosting customer at best."),
    "asn": TypeWeight("network", 0.1, 90, "A network operator has many customers; only rare ones say anything."),
    "org": TypeWeight("org", 0.6, 360, "Members of an organisation know each other and mostly have a reason to."),
    "referral_code": TypeWeight("referral", 0.5, 360, "A code passes from hand to hand; farms refer to themselves."),
    "api_key": TypeWeight("key", 1.0, 180, "A key is a secret; two accounts that use it share it."),
    "prompt_family": TypeWeight(
        "prompt", 0.7, 90, "A rare template in two accounts has one author; text is copied too."
    ),
    "prompt_frame": TypeWeight(
        "prompt", 0.9, 90, "What stays the same over many prompts is a program's template; its users run that program."
    ),
}
OWN = TypeWeight("own", 0.8, 180, "The caller chose to send it because it identifies; how well is unknown.")
PEER = TypeWeight("peer", 0.8, 360, "The caller saw the two accounts deal with each other directly.")


def weight_of(identifier_type: str) -> TypeWeight:
    """The weight of a type; every type that is not built in is the caller's own kind."""
    return TYPES.get(identifier_type, OWN)


def population(accounts: int) -> int:
    """Size of the population that rarity is measured in."""
    return max(accounts, POPULATION_MIN)


def hub_discount(degree: npt.NDArray[np.integer]) -> Float32s:
    """1 for few accounts, 0.85 at 50, 0.39 at 100, 0 from HUB_CUT on, without a step: a campus or a carrier's address
    accuses nobody."""
    share = np.minimum(degree / HUB_CUT, 1.0)
    return (1.0 - share * share).astype(np.float32)


def priors_of(types: pa.ChunkedArray, priors: Priors | None = None) -> Float64s:
    """Prior of each identifier by its type, float64; the shipped ones where none are given."""
    names, code = _coded(types)
    given = priors or {}
    return np.array([given.get(name, weight_of(name).prior) for name in names], np.float64)[code]


def bits_of(
    types: pa.ChunkedArray, degree: npt.NDArray[np.int32], accounts: int, priors: Priors | None = None
) -> Float32s:
    """Bits of sharing each identifier, hub discount included. `types` are strings, `degree` counts accounts."""
    rarity = np.log2(population(accounts) / np.maximum(degree, 1))
    bits: Float32s = (np.maximum(rarity, 0) * priors_of(types, priors) * hub_discount(degree)).astype(np.float32)
    return bits


@dataclass(frozen=True)
class Worth:
    """What sharing an identifier is worth, and how it comes about: `bits` is the product of the four before it."""

    rarity_bits: float
    prior: float
    hub_discount: float
    recency: float
    bits: float


def explained(identifier_type: str, degree: int, accounts: int, age_ms: int, priors: Priors | None = None) -> Worth:
    """The worth of one identifier of `degree` of `accounts` accounts, last seen `age_ms` before the view's newest."""
    rarity = max(float(np.log2(population(accounts) / max(degree, 1))), 0.0)
    weight = weight_of(identifier_type)
    prior = (priors or {}).get(identifier_type, weight.prior)
    hub = float(hub_discount(np.array([degree]))[0])
    recency = float(np.exp2(-max(age_ms, 0) / (weight.half_life_days * DAY_MS)))
    return Worth(rarity, prior, hub, recency, rarity * prior * hub * recency)


def groups_of(types: pa.ChunkedArray) -> Int8s:
    """Place of each identifier's group in GROUPS."""
    names, code = _coded(types)
    place = np.array([GROUPS.index(weight_of(name).group) for name in names], np.int8)
    groups: Int8s = place[code]
    return groups


def decay_of(types: pa.ChunkedArray, age_ms: npt.NDArray[np.int64]) -> Float32s:
    """What is left of a link's weight, 0 to 1, `age_ms` after the identifier was last seen with the account."""
    names, code = _coded(types)
    half_life_ms = np.array([weight_of(name).half_life_days for name in names], np.float64) * DAY_MS
    left: Float32s = np.exp2(-np.maximum(age_ms, 0) / half_life_ms[code]).astype(np.float32)
    return left


def encoded(identifiers: pa.Table) -> pa.Table:
    """The same identifiers with their types as a dictionary and codes: of millions of rows all that follows then reads
    the few names alone."""
    place = identifiers.schema.get_field_index("type")
    types = pa.chunked_array(identifiers["type"], pa.string())
    return identifiers.set_column(place, "type", types.dictionary_encode().combine_chunks())


def _coded(types: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.int32]]:
    given = pa.chunked_array(types).combine_chunks()
    coded = given if pa.types.is_dictionary(given.type) else given.cast(pa.string()).dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
