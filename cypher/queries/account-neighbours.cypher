// Accounts that share identifiers with one account, strongest evidence first; identifiers of many accounts are left out.
//
// @param account_id: string - the account to start from
// @param max_degree: int = 100 - leave out identifiers of more accounts than this
MATCH (:Account {id: $account_id})-[r]->(i)
WHERE i.degree <= $max_degree
MATCH (i)<-[s]-(other:Account)
WHERE other.id <> $account_id
WITH other, i, max(s.last_seen) AS last_seen
ORDER BY i.weight_bits DESC, i.id
WITH other, sum(i.weight_bits) AS bits, max(last_seen) AS last_seen,
    collect({type: coalesce(i.type, labels(i)[0]), id: i.id, degree: i.degree, bits: i.weight_bits}) AS shared
RETURN other.id AS account_id, round(bits, 3) AS bits, size(shared) AS identifiers, shared[..10] AS shared,
    last_seen, other.status AS status, other.verdict AS verdict, other.probability AS probability,
    other.cluster_id AS cluster_id
ORDER BY bits DESC, account_id
LIMIT $limit
