"""What a detection run found, in one SQLite file that each run replaces whole.

A reader sees one run or the next one, never half of both; it changes over by itself when the file is replaced.
"""

from graphsvc.clusters.layout import Campaigns, Past, Results, Run, Verdicts
from graphsvc.clusters.reader import ResultsReader
from graphsvc.clusters.rows import (
    AccountRow,
    CampaignLink,
    ClusterFilter,
    ClusterRow,
    EventRow,
    EvidenceRow,
    Page,
)
from graphsvc.clusters.writer import results_of, write_results

__all__ = [
    "AccountRow",
    "CampaignLink",
    "Campaigns",
    "ClusterFilter",
    "ClusterRow",
    "EventRow",
    "EvidenceRow",
    "Page",
    "Past",
    "Results",
    "ResultsReader",
    "Run",
    "Verdicts",
    "results_of",
    "write_results",
]
