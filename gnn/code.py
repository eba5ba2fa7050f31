"""Which code made a model: the package's version, its commit where that is known, and a hash of the sources."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

PACKAGE = "graphsvc"


@cache
def code_version() -> dict[str, str]:
    """`package`, `sources` (a hash of this folder's modules), and `commit` where the package was installed from a
    repository (PEP 610 notes it)."""
    found = {"package": "unknown", "sources": _sources()}
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        return found
    found["package"] = package.version
    origin = json.loads(package.read_text("direct_url.json") or "{}")
    commit = origin.get("vcs_info", {}).get("commit_id")
    return found | {"commit": str(commit)} if commit else found


def _sources() -> str:
    """The same for the same code on any machine."""
    whole = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        whole.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return whole.hexdigest()[:16]
