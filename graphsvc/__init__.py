"""Account-network analysis: events in, links, clusters, risk answers."""
