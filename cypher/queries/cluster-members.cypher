// The accounts of a cluster, most likely abusive first.
//
// @param cluster_id: string - the cluster
MATCH (:Cluster {id: $cluster_id})<-[:MEMBER_OF]-(a:Account)
RETURN a.id AS account_id, a.probability AS probability, a.status AS status, a.verdict AS verdict,
    a.created_at AS created_at, a.last_seen AS last_seen
ORDER BY probability DESC, account_id
LIMIT $limit
