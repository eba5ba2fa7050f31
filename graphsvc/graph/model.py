"""The kinds of nodes and relationships in the graph. Every statement that writes is made here, from these, at import.

Data reaches the database as parameters only. Times are epoch milliseconds (int64).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class IdentifierKind:
    """Identifiers of one type: the node's label, how accounts are linked to it, and the properties that name it."""

    type: str
    label: str
    relationship: str
    key: tuple[str, ...] = ("id",)

    @property
    def pattern(self) -> str:
        """The node `i` that a row names."""
        return f"(i:{self.label} {{{', '.join(f'{name}: row.{name}' for name in self.key)}}})"


KINDS: tuple[IdentifierKind, ...] = (
    IdentifierKind("email", "Email", "HAS_EMAIL"),
    IdentifierKind("mail_domain", "MailDomain", "HAS_EMAIL"),
    IdentifierKind("phone", "Phone", "HAS_PHONE"),
    IdentifierKind("device", "Device", "USES_DEVICE"),
    IdentifierKind("tls", "Tls", "USES_DEVICE"),
    IdentifierKind("instrument", "Instrument", "PAYS_WITH"),
    IdentifierKind("bin", "Bin", "PAYS_WITH"),
    IdentifierKind("ip", "Ip", "SEEN_ON"),
    IdentifierKind("subnet", "Subnet", "SEEN_ON"),
    IdentifierKind("asn", "Asn", "SEEN_ON"),
    IdentifierKind("org", "Org", "IN_ORG"),
    IdentifierKind("referral_code", "ReferralCode", "REFERRED_BY"),
    IdentifierKind("api_key", "ApiKey", "USES_KEY"),
    IdentifierKind("conversation", "Conversation", "CONTINUES"),
)
FAMILY = IdentifierKind("prompt_family", "PromptFamily", "ASKS")
OWN = IdentifierKind("own", "Identifier", "HAS", ("type", "id"))
"""All identifiers of the caller's own kinds; `type` tells them apart."""

ALL_KINDS: tuple[IdentifierKind, ...] = (*KINDS, FAMILY, OWN)
_BY_TYPE = {kind.type: kind for kind in KINDS}
TYPE_OF_LABEL: dict[str, str] = {kind.label: kind.type for kind in ALL_KINDS}


def kind_of(identifier_type: str) -> IdentifierKind:
    """The kind of an identifier type that the ledger knows; every unknown type is the caller's own."""
    return _BY_TYPE.get(identifier_type, OWN)


STATUSES: tuple[str, ...] = ("active", "suspended", "banned")
"""Of an account, by its latest enforcement; at the same moment the later in this tuple counts."""


def _earlier(target: str, value: str) -> str:
    return f"{target} = CASE WHEN {target} <= {value} THEN {target} ELSE {value} END"


def _later(target: str, value: str) -> str:
    return f"{target} = CASE WHEN {target} >= {value} THEN {target} ELSE {value} END"


def _sighted(target: str) -> str:
    """Adds one stretch of sightings to the relationship `target`."""
    return (
        f"{_earlier(f'{target}.first_seen', 'row.first_seen')}, "
        f"{_later(f'{target}.last_seen', 'row.last_seen')}, "
        f"{target}.count = {target}.count + row.count"
    )


def _first_sighted(target: str) -> str:
    return f"{target}.first_seen = row.first_seen, {target}.last_seen = row.last_seen, {target}.count = row.count"


def _order(status: str, moment: str) -> str:
    """A number by which of two enforcements the one that counts is the larger."""
    ranks = " ".join(f"WHEN '{name}' THEN {rank}" for rank, name in enumerate(STATUSES))
    return f"{moment} * {len(STATUSES)} + CASE {status} {ranks} END"


def weight_bits(degree: str, accounts: str) -> str:
    """Bits that sharing an identifier is worth by its rarity alone, in Cypher and in SQL alike (Shannon 1948).

    Rounded, so that the logarithms of two engines agree.
    """
    return f"CASE WHEN {degree} >= {accounts} THEN 0e0 ELSE round(ln(1e0 * {accounts} / {degree}) / ln(2e0), 3) END"


def cypher_bits(degree: str) -> str:
    """`weight_bits` of an identifier, with the parameter `weighed_accounts`."""
    return weight_bits(degree, "$weighed_accounts").replace("ln(", "log(")


ADVANCE = """
MATCH (p:Projection {name: 'ledger'})
SET p.name = 'ledger'
WITH p WHERE p.offset = $before AND p.label_offset = $labels_before
SET p.offset = $after, p.label_offset = $labels_after,
    p.last_event_at = CASE WHEN $last_event_at IS NULL OR p.last_event_at >= $last_event_at
        THEN p.last_event_at ELSE $last_event_at END
RETURN p.weighed_accounts AS weighed_accounts
"""
"""Compare and set. The first SET takes the node's lock, so the comparison sees what another projector committed."""

MERGE_ACCOUNTS = f"""
UNWIND $rows AS row
MERGE (a:Account {{id: row.account_id}})
WITH a, row, a.first_seen IS NULL AS fresh,
    row.status IS NOT NULL AND (a.status_at IS NULL
        OR {_order("row.status", "row.status_at")} > {_order("a.status", "a.status_at")}) AS enforced
SET {_earlier("a.first_seen", "row.first_seen")}, {_later("a.last_seen", "row.last_seen")},
    a.signed_up_at = CASE WHEN row.signed_up_at IS NULL OR a.signed_up_at <= row.signed_up_at
        THEN a.signed_up_at ELSE row.signed_up_at END,
    a.status = CASE WHEN enforced THEN row.status ELSE coalesce(a.status, '{STATUSES[0]}') END,
    a.status_at = CASE WHEN enforced THEN row.status_at ELSE a.status_at END
SET a.created_at = coalesce(a.signed_up_at, a.first_seen)
RETURN count(CASE WHEN fresh THEN 1 END) AS created
"""

COUNT_ACCOUNTS = "MATCH (p:Projection {name: 'ledger'}) SET p.accounts = p.accounts + $created"

MERGE_PEERS = f"""
UNWIND $rows AS row
MATCH (a:Account {{id: row.source}})
MERGE (b:Account {{id: row.target}})
MERGE (a)-[r:PEER {{type: row.type}}]->(b)
  ON CREATE SET r.weight = row.weight, {_first_sighted("r")}
  ON MATCH SET {_later("r.weight", "row.weight")}, {_sighted("r")}
"""
"""A peer that no event has named as its account yet becomes an account with nothing but its id."""

MERGE_LABELS = """
UNWIND $rows AS row
MERGE (a:Account {id: row.account_id})
WITH a, row WHERE a.verdict_at IS NULL OR a.verdict_at <= row.decided_at
SET a.verdict = row.verdict, a.verdict_kind = row.kind, a.verdict_at = row.decided_at
"""


def _merge_links(kind: IdentifierKind) -> str:
    return f"""
UNWIND $rows AS row
MATCH (a:Account {{id: row.account_id}})
MERGE {kind.pattern} ON CREATE SET i.degree = 0
MERGE (a)-[r:{kind.relationship}]->(i)
  ON CREATE SET i.degree = i.degree + 1, {_first_sighted("r")}
  ON MATCH SET {_sighted("r")}
WITH DISTINCT i
SET i.weight_bits = {cypher_bits("i.degree")}
"""


MERGE_LINKS: dict[IdentifierKind, str] = {kind: _merge_links(kind) for kind in (*KINDS, OWN)}
"""Adds sightings; a link that is new adds one to the identifier's degree."""


def _weigh(kind: IdentifierKind) -> str:
    return f"""
MATCH (i:{kind.label})
CALL (i) {{ SET i.weight_bits = {cypher_bits("i.degree")} }} IN TRANSACTIONS OF 5000 ROWS
"""


WEIGH: tuple[str, ...] = tuple(_weigh(kind) for kind in ALL_KINDS)
"""Weights of all identifiers anew, after the number of accounts has grown."""

SET_WEIGHED = "MATCH (p:Projection {name: 'ledger'}) SET p.weighed_accounts = $weighed_accounts"
READ_STATE = "MATCH (p:Projection {name: 'ledger'}) RETURN p {.*} AS state"
ENSURE_STATE = """
MERGE (p:Projection {name: 'ledger'})
  ON CREATE SET p.offset = 0, p.label_offset = 0, p.accounts = 0, p.weighed_accounts = 0
"""
CLEARING = -1
"""The offset of a graph that is being cleared; nothing is projected into it meanwhile."""

BEGIN_CLEAR = f"MERGE (p:Projection {{name: 'ledger'}}) SET p.offset = {CLEARING}"
CLEAR = "MATCH (n) WHERE NOT n:Projection CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 2000 ROWS"
END_CLEAR = "MATCH (p:Projection) DELETE p"
