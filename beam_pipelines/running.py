"""Running a pipeline in this process, and what comes out of it: counts, or our own error.

elements ─▶ Create | transform, in Beam's local runner ─▶ counters ─▶ {contract: {count: number}}
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from lakehouse.errors import LakehouseError

Counts = dict[str, dict[str, int]]
_remembered: list[LakehouseError] = []


@dataclass(frozen=True)
class Outcome:
    """How many records of a contract went where."""

    contract: str
    counts: Mapping[str, int]
    drift: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def summed(contract: str, markers: Iterable[Mapping]) -> "Outcome":
        counts: dict[str, int] = defaultdict(int)
        drift: dict[str, int] = defaultdict(int)
        for marker in markers:
            for name, number in marker.items():
                if isinstance(number, int):
                    counts[name] += number
            for name, number in marker["drift"].items():
                drift[name] += number
        return Outcome(contract, dict(counts), dict(drift))


def counted(outcome: Outcome) -> Outcome:
    """Beam adds counters up over workers and bundles, and leaves out what a failed attempt counted."""
    for name, number in outcome.counts.items():
        Metrics.counter(outcome.contract, name).inc(number)
    for name, number in outcome.drift.items():
        Metrics.counter(outcome.contract, f"drift:{name}").inc(number)
    return outcome


def remembering(function: Callable) -> Callable:
    """Beam passes an exception on as text. Ours say what to do next and have an exit code, so the last is kept."""

    @wraps(function)
    def remembered(*args):
        try:
            return function(*args)
        except LakehouseError as error:
            _remembered.append(error)
            raise

    return remembered


def run(elements: Sequence, transform: beam.PTransform) -> Counts:
    """Run `transform` on `elements` here and now. Raises the LakehouseError that stopped it, if one did."""
    _remembered.clear()
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([]))
    _ = pipeline | "Batches" >> beam.Create(elements, reshuffle=False) | transform
    try:
        result = pipeline.run()
        result.wait_until_finish()
    except RuntimeError as error:
        if _remembered:
            raise _remembered[-1] from error
        raise
    counts: Counts = defaultdict(dict)
    for counter in result.metrics().query()["counters"]:
        counts[counter.key.metric.namespace][counter.key.metric.name] = counter.committed
    return dict(counts)
