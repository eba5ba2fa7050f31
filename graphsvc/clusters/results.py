"""What a detection run found, in one SQLite file that each run replaces whole.

A reader sees one run or the next one, never half of both; it changes over by itself when the file is replaced.
"""

from graphsvc.clusters.layout import Results, Run, Verdicts
from graphsvc.clusters.reader import AccountRow, ClusterFilter, ClusterRow, EvidenceRow, Page, ResultsReader
from graphsvc.clusters.writer import results_of, write_results

__all__ = [
    "AccountRow",
    "ClusterFilter",
    "ClusterRow",
    "EvidenceRow",
    "Page",
    "Results",
    "ResultsReader",
    "Run",
    "Verdicts",
    "results_of",
    "write_results",
]
