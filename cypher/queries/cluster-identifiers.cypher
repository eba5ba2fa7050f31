// What holds a cluster together: identifiers that at least two of its accounts share, strongest first.
//
// @param cluster_id: string - the cluster
// @param max_degree: int = 100 - leave out identifiers of more accounts than this
// @param max_members: int = 1000 - look only at so many members, most likely abusive first
MATCH (:Cluster {id: $cluster_id})<-[:MEMBER_OF]-(a:Account)
WITH a ORDER BY a.probability DESC, a.id LIMIT $max_members
MATCH (a)-[r]->(i)
WHERE i.degree <= $max_degree
WITH i, r, a ORDER BY a.id
WITH i, collect({account_id: a.id, link: type(r), first_seen: r.first_seen, last_seen: r.last_seen, count: r.count})
    AS links
WHERE size(links) > 1
RETURN coalesce(i.type, labels(i)[0]) AS type, i.id AS id, i.degree AS degree, i.weight_bits AS bits,
    size(links) AS members, links
ORDER BY bits * (members - 1) DESC, id
LIMIT $limit
