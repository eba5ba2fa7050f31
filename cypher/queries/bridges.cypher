// Identifiers that accounts of several clusters share: one operator behind them, or a hub that should not count.
//
// @param min_clusters: int = 2 - how many clusters an identifier has to touch
// @param max_degree: int = 100 - leave out identifiers of more accounts than this
// @param min_probability: float = 0.5 - look only at clusters at least this likely abusive
MATCH (c:Cluster)<-[:MEMBER_OF]-(a:Account)-[r]->(i)
WHERE c.probability >= $min_probability AND i.degree <= $max_degree
WITH i, c, count(DISTINCT a) AS members
ORDER BY members DESC, c.id
WITH i, collect({cluster_id: c.id, kind: c.kind, members: members}) AS clusters
WHERE size(clusters) >= $min_clusters
RETURN coalesce(i.type, labels(i)[0]) AS type, i.id AS id, size(clusters) AS touched, clusters[..10] AS clusters,
    i.degree AS degree, i.weight_bits AS bits
ORDER BY touched DESC, bits DESC, id
LIMIT $limit
