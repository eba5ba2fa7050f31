// Accounts of a cluster (or of any likely abusive one) that were created in the last hours, newest first.
//
// @param cluster_id: string? - one cluster; none: all that are likely abusive
// @param hours: int = 24 - how far to look back
// @param until_ms: int? - look back from this moment (epoch milliseconds); none: from the last event
// @param min_probability: float = 0.5 - of the cluster, where none is named
MATCH (p:Projection {name: 'ledger'})
WITH coalesce($until_ms, p.last_event_at) AS until
MATCH (c:Cluster)<-[:MEMBER_OF]-(a:Account)
WHERE ($cluster_id IS NULL AND c.probability >= $min_probability OR c.id = $cluster_id)
    AND a.created_at <= until AND a.created_at > until - $hours * 3600000
RETURN a.id AS account_id, a.created_at AS created_at, c.id AS cluster_id, c.kind AS kind,
    a.probability AS probability, a.status AS status
ORDER BY created_at DESC, account_id
LIMIT $limit
