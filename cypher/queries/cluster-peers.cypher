// Direct dealings between two accounts of one cluster.
//
// @param cluster_id: string - the cluster
MATCH (c:Cluster {id: $cluster_id})<-[:MEMBER_OF]-(a:Account)-[r:PEER]->(b:Account)-[:MEMBER_OF]->(c)
RETURN a.id AS from_id, b.id AS to_id, r.type AS type, r.weight AS weight, r.first_seen AS first_seen,
    r.last_seen AS last_seen, r.count AS count
ORDER BY weight DESC, from_id, to_id, type
LIMIT $limit
