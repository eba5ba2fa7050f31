// Payment instruments that many accounts pay with.
//
// @param min_accounts: int = 3 - how many accounts
// @param since_ms: int = 0 - only accounts that paid with it since this moment (epoch milliseconds)
MATCH (i:Instrument)
WHERE i.degree >= $min_accounts
MATCH (i)<-[r:PAYS_WITH]-(a:Account)
WHERE r.last_seen >= $since_ms
WITH i, a, r ORDER BY r.first_seen, a.id
WITH i, collect(a.id) AS accounts, min(r.first_seen) AS first_seen, max(r.last_seen) AS last_seen,
    sum(r.count) AS payments, avg(a.probability) AS mean_probability, count(DISTINCT a.cluster_id) AS clusters
WHERE size(accounts) >= $min_accounts
RETURN i.id AS instrument_id, size(accounts) AS accounts, payments, clusters,
    round(mean_probability, 3) AS mean_probability, first_seen, last_seen, accounts[..20] AS first_accounts
ORDER BY accounts DESC, instrument_id
LIMIT $limit
