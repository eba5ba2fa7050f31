"""The policy in use: follows its file, and never gives up a good policy for a wrong one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog

from graphsvc.config import Settings
from graphsvc.errors import BadInput
from graphsvc.risk.policy.rules import SHIPPED, Policy

log = structlog.get_logger("risk")
Mark = tuple[int, int, int] | None


@dataclass(frozen=True)
class Held:
    """A policy and what is wrong with the file that should be in its place, "" for nothing."""

    policy: Policy
    problem: str


def place_of_policy(settings: Settings) -> Path:
    """Where the policy lies: the setting's file, else the data folder's where there is one, else the shipped one."""
    if settings.policy is not None:
        return settings.policy.expanduser()
    own = settings.places.policy
    return own if own.exists() else SHIPPED


class PolicyKeeper:
    """Answers read `held` at any time; one thread calls `refresh`.

    At the start a wrong file leaves the shipped policy in force, later on the one before it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        path = place_of_policy(settings)
        self._seen = self._loaded = (path, _mark(path))
        self.held = Held(Policy.load(), "")
        self._load(path)

    def refresh(self) -> None:
        """Takes up a file that changed. One that still changed since the last call may be half written: it waits."""
        path = place_of_policy(self._settings)
        present = (path, _mark(path))
        settled, self._seen = present == self._seen, present
        if settled and present != self._loaded:
            self._loaded = present
            self._load(path)

    def _load(self, path: Path) -> None:
        try:
            policy = Policy.load(path)
        except BadInput as error:
            log.error("policy_refused", reason=str(error), in_force=self.held.policy.version)
            self.held = Held(self.held.policy, str(error))
            return
        log.info("policy_loaded", version=policy.version)
        self.held = Held(policy, "")


def _mark(path: Path) -> Mark:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size
