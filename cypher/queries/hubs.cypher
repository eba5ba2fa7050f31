// Identifiers of many accounts, and why sharing them says nothing: too common, or held by accounts of all sorts.
//
// @param min_degree: int = 100 - how many accounts make a hub
MATCH (i)
WHERE i.degree >= $min_degree
CALL (i) {
    MATCH (i)<-[]-(a:Account)
    WITH a LIMIT 10000
    RETURN count(a) AS looked_at, count(DISTINCT a.cluster_id) AS clusters,
        count(CASE WHEN a.verdict = 'abusive' OR a.status = 'banned' THEN 1 END) AS confirmed,
        round(avg(a.probability), 3) AS mean_probability
}
RETURN coalesce(i.type, labels(i)[0]) AS type, i.id AS id, i.degree AS degree, i.weight_bits AS bits_by_rarity,
    clusters, round(toFloat(confirmed) / looked_at, 4) AS confirmed_share, mean_probability,
    CASE WHEN i.weight_bits < 4 THEN 'so common that sharing it is expected'
        WHEN clusters > 10 THEN 'its accounts belong to many unrelated clusters'
        ELSE 'above the hub cut: worth nothing alone' END AS why
ORDER BY degree DESC, id
LIMIT $limit
