"""Fixtures for all tests: an empty data folder of its own for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphsvc.config import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a fresh deployment without a graph database."""
    monkeypatch.setenv("GRAPHSVC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GRAPHSVC_NEO4J_URI", "off")
    return load_settings()
