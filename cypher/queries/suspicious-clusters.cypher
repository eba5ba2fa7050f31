// The most suspicious clusters: likely abusive first, large ones first among equals.
//
// @param min_probability: float = 0.5 - leave out clusters that are less likely abusive
// @param min_size: int = 3 - leave out smaller clusters
// @param kind: string? - only this kind, for example resale_relay
MATCH (c:Cluster)
WHERE c.probability >= $min_probability AND c.size >= $min_size AND ($kind IS NULL OR c.kind = $kind)
RETURN c.id AS cluster_id, c.kind AS kind, c.probability AS probability, c.size AS size, c.status AS status,
    c.confirmed AS confirmed, c.first_seen AS first_seen, c.last_activity AS last_activity, c.growth_24h AS growth_24h
ORDER BY round(probability, 2) DESC, size DESC, cluster_id
LIMIT $limit
