"""The report as one HTML page that needs nothing else: no script, no font, no picture file, no network."""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from graphsvc.errors import BadUsage
from graphsvc.evaluation import pictures, readings, summary, words
from graphsvc.evaluation.figures import Report, RingFound

SAYS = (words.percent, words.decimal, words.number, words.span, words.dollars, words.times, words.label)


def write_report(path: Path, report: Report) -> None:
    """Writes the page whole or not at all; an older one stays until the new one is complete.

    Raises BadUsage where the folder is missing or may not be written to.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(page(report), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BadUsage(
            f"The report cannot be written to {path}: {error.strerror}.", hint="Name another file."
        ) from error


def page(report: Report) -> str:
    """The page's text: the same report gives the same bytes."""
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            totals=summary.totals(report.evaluations),
            said=summary.statements(report.evaluations),
            of_evasion=summary.of_evasion(report.evasion),
        )
    )


def slowest_first(rings: tuple[RingFound, ...]) -> list[RingFound]:
    """Rings never found first, the largest of them first; then by the hours it took."""
    return sorted(rings, key=lambda ring: (ring.hours is not None, -(ring.hours or 0.0), -ring.size, ring.ring))


@cache
def _environment() -> Environment:
    env = Environment(
        loader=PackageLoader("graphsvc.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    env.filters |= {say.__name__: say for say in SAYS} | {"interval": words.interval, "counted": words.counted}
    env.globals |= {
        "is_nan": math.isnan,
        "percent": words.percent,
        "decimal": words.decimal,
        "number": words.number,
        "span": words.span,
        "pictures": pictures,
        "readings": readings,
        "summary": summary,
        "slowest_first": slowest_first,
    }
    return env
