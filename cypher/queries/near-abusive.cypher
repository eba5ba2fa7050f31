// Accounts that share an identifier with an account confirmed as abusive (by a label or a ban) and are not so themselves.
//
// @param max_degree: int = 50 - leave out identifiers of more accounts than this
// @param min_bits: float = 8 - leave out accounts whose shared identifiers say less than this
// @param since_ms: int = 0 - only identifiers used by the account since this moment (epoch milliseconds)
CALL () {
    MATCH (bad:Account {verdict: 'abusive'}) RETURN bad
    UNION
    MATCH (bad:Account {status: 'banned'}) WHERE coalesce(bad.verdict, 'abusive') = 'abusive' RETURN bad
}
MATCH (bad)-[]->(i)
WHERE i.degree <= $max_degree
MATCH (i)<-[r]-(a:Account)
WHERE r.last_seen >= $since_ms AND a.verdict IS NULL AND coalesce(a.status, 'active') <> 'banned'
WITH a, i, count(DISTINCT bad) AS confirmed
ORDER BY i.weight_bits DESC, i.id
WITH a, sum(i.weight_bits) AS bits, max(confirmed) AS confirmed,
    collect({type: coalesce(i.type, labels(i)[0]), id: i.id, confirmed: confirmed, degree: i.degree}) AS shared
WHERE bits >= $min_bits
RETURN a.id AS account_id, round(bits, 3) AS bits, confirmed, shared[..10] AS shared, a.status AS status,
    a.created_at AS created_at, a.probability AS probability, a.cluster_id AS cluster_id
ORDER BY bits DESC, account_id
LIMIT $limit
