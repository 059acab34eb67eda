"""Running a list of steps, by Beam or directly, and what comes out of it: counts, or our own error.

    run       elements ─▶ Create | transform, in Beam's local runner ─▶ counters ─▶ {contract: {count: number}}
    directly  elements ─▶ step ─▶ step ─▶ step, called one after the other ─▶ Outcomes

What the steps are is said once, next to them (land.STEPS, refine.STEPS).
"""

import logging
import pickle
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_type_hints

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from beam_pipelines.counts import Counts, add
from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings

Steps = Sequence[tuple[str, Callable[[Any, Settings], Any]]]
"""Name and function of what becomes of an element, in turn; the last one answers its Outcome."""
_given: list = []
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


class WholeBatch(beam.coders.Coder):
    """For elements that hold a whole batch. Steps that Beam fuses hand them on as they are; only, Beam likes to know how
    large elements are, and finds out by encoding them, which would cost more than all else. So it is told."""

    def encode(self, value: Any) -> bytes:
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)

    def decode(self, encoded: bytes) -> Any:
        return pickle.loads(encoded)

    def estimate_size(self, value: Any) -> int:
        return 1

    def is_deterministic(self) -> bool:
        return False


def passed_whole(kind: type) -> type:
    """Class decorator: Beam passes these on by WholeBatch."""
    beam.coders.registry.register_coder(kind, WholeBatch)
    return kind


def counted(outcome: Outcome) -> Outcome:
    """Beam adds counters up over workers and bundles, and leaves out what a failed attempt counted."""
    for name, number in outcome.counts.items():
        Metrics.counter(outcome.contract, name).inc(number)
    for name, number in outcome.drift.items():
        Metrics.counter(outcome.contract, f"drift:{name}").inc(number)
    return outcome


def keep_error(error: LakehouseError) -> None:
    """By name, so that the copy of a step that Beam makes of it keeps the error here and not in a copy of the list."""
    _remembered.append(error)


def remembering(step: Callable, settings: Settings) -> Callable:
    """Beam raises a copy of an exception, or its text. Ours say what to do next and have an exit code, so we keep them."""

    def remembered(element):
        try:
            return step(element, settings)
        except LakehouseError as error:
            keep_error(error)
            raise

    return remembered


def wired(elements: beam.PCollection, steps: Steps, settings: Settings) -> beam.PCollection:
    """The steps as a part of a pipeline. Each is a function of its element and nothing more: where Beam passes a further
    argument it keeps the element, a whole batch, until the next one has come as far as that step."""
    for name, step in steps:
        elements = elements | name >> beam.Map(remembering(step, settings)).with_output_types(get_type_hints(step)["return"])
    return elements | "Count" >> beam.Map(counted)


def directly(elements: Iterable, steps: Steps, settings: Settings) -> Counts:
    """The steps called here and now: what wired() would do, without a runner between them. For batches so small that
    starting a pipeline would take longer than the work. Raises what a step raises; what came before it is done."""
    counts: Counts = {}
    for element in elements:
        for _, step in steps:
            element = step(element, settings)
        add(counts, {element.contract: element.counts | {f"drift:{name}": number for name, number in element.drift.items()}})
    return counts


def _given_element(number: int) -> Any:
    return _given[number]


def run(elements: Sequence, transform: beam.PTransform) -> Counts:
    """Run `transform` on `elements` here and now. Raises the LakehouseError that stopped it, if one did."""
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)  # it logs a failure at length; whoever called us will say it
    _remembered.clear()
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([]))
    # Beam pickles and compresses what Create is given, several times over: it gets the numbers of the elements only.
    _given[:] = elements
    _ = pipeline | "Numbers" >> beam.Create(range(len(elements)), reshuffle=False) | "Batches" >> beam.Map(_given_element) | transform
    try:
        result = pipeline.run()
        result.wait_until_finish()
    except (RuntimeError, LakehouseError) as error:
        if _remembered:
            raise _remembered[-1] from error
        raise
    finally:
        _given.clear()
    counts: Counts = defaultdict(dict)
    for counter in result.metrics().query()["counters"]:
        counts[counter.key.metric.namespace][counter.key.metric.name] = counter.committed
    return dict(counts)
