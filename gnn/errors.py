"""What can go wrong with a model, in words that a person can act on."""

from __future__ import annotations


class ModelError(Exception):
    """A model, its files or its training data cannot be used: what is wrong and what to do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint
