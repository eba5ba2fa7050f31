// The shortest path between two accounts through identifiers that are no hubs: why are these two in one cluster?
//
// @param from_id: string - one account
// @param to_id: string - the other account
// @param max_degree: int = 100 - leave out identifiers of more accounts than this
MATCH p = ANY SHORTEST (:Account {id: $from_id})
    (()-[r:!MEMBER_OF]-(n WHERE n.degree IS NULL OR n.degree <= $max_degree)){1,12}
    (:Account {id: $to_id})
UNWIND range(0, length(p) - 1) AS k
WITH k + 1 AS step, nodes(p)[k] AS here, relationships(p)[k] AS r, nodes(p)[k + 1] AS next
RETURN step, coalesce(here.type, labels(here)[0]) AS from_type, here.id AS from_id, type(r) AS link,
    coalesce(next.type, labels(next)[0]) AS to_type, next.id AS to_id, next.degree AS degree, next.weight_bits AS bits,
    r.first_seen AS first_seen, r.last_seen AS last_seen
ORDER BY step
LIMIT $limit
