// Successor candidates: accounts that took up a banned account's infrastructure after its ban.
//
// @param days: int = 30 - how long after the ban
// @param max_degree: int = 50 - leave out identifiers of more accounts than this
// @param min_bits: float = 8 - leave out accounts whose shared identifiers say less than this
MATCH (old:Account {status: 'banned'})-[]->(i)
WHERE i.degree <= $max_degree
MATCH (i)<-[r]-(new:Account)
WHERE coalesce(new.status, 'active') <> 'banned'
    AND r.first_seen > old.status_at AND r.first_seen <= old.status_at + $days * 86400000
WITH new, i, min(r.first_seen) AS taken_up_at, collect(DISTINCT old)[..100] AS predecessors
WITH new, sum(i.weight_bits) AS bits, min(taken_up_at) AS taken_up_at, collect(predecessors) AS lists,
    collect({type: coalesce(i.type, labels(i)[0]), id: i.id, degree: i.degree}) AS shared
WHERE bits >= $min_bits
UNWIND lists AS list
UNWIND list AS old
WITH new, bits, taken_up_at, shared, collect(DISTINCT old.id) AS banned, max(old.status_at) AS banned_at
RETURN new.id AS account_id, round(bits, 3) AS bits, banned[..10] AS successor_of, size(banned) AS banned_accounts,
    banned_at, taken_up_at, new.created_at AS created_at, shared[..10] AS shared, new.probability AS probability
ORDER BY bits DESC, account_id
LIMIT $limit
