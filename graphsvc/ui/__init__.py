"""The pages: a queue of suspicious clusters, one cluster with its evidence, the API reference; all rendered here."""

from graphsvc.ui.blueprint import blueprint
from graphsvc.ui.parts import Parts

__all__ = ["Parts", "blueprint"]
