"""The same steps on any Beam runner; `lakehouse land`, `refine` and `ingest` run them in-process.

    python -m beam_pipelines ingest CONTRACT --runner DataflowRunner --streaming …  Pub/Sub ─▶ Gather ─▶ Land ─▶ refine
    python -m beam_pipelines land CONTRACT --runner DataflowRunner --streaming …    Pub/Sub ─▶ Gather ─▶ Land
    python -m beam_pipelines refine --runner DataflowRunner …                       pending ─▶ Refine

What follows the step's own words goes to Beam as it is. Pub/Sub is acknowledged by the runner, once a bundle is done.
"""

import sys
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from beam_pipelines import pulling
from beam_pipelines.gather import Gather
from beam_pipelines.land import Land
from beam_pipelines.refine import Refine, waiting
from beam_pipelines.streaming import LandAndRefine, Tally
from lakehouse.contracts import registry
from lakehouse.errors import BadInputError, LakehouseError
from lakehouse.settings import Settings, settings


def landing(pipeline: beam.Pipeline, chosen: Settings, contract_id: str) -> None:
    topic = registry().get(contract_id).topic
    _ = _messages(pipeline, chosen, topic) | Gather(topic, chosen.land_batch_events, chosen.land_batch_seconds) | Land(chosen)


def ingestion(pipeline: beam.Pipeline, chosen: Settings, contract_id: str) -> None:
    topic = registry().get(contract_id).topic
    messages = _messages(pipeline, chosen, topic)
    _ = messages | LandAndRefine(chosen, topic)
    _ = messages | Tally(chosen, topic)


def _messages(pipeline: beam.Pipeline, chosen: Settings, topic: str) -> beam.PCollection:
    subscription = f"projects/{chosen.gcp_project}/subscriptions/{topic}.{pulling.SUBSCRIPTION}"
    return pipeline | "Pub/Sub" >> beam.io.ReadFromPubSub(subscription=subscription, with_attributes=True)


def refinement(pipeline: beam.Pipeline, chosen: Settings) -> None:
    _ = pipeline | "Pending" >> beam.Create(waiting(chosen)) | Refine(chosen)


def main(words: Sequence[str]) -> None:
    """Raises BadInputError where the words are not understood."""
    chosen = settings()
    match list(words):
        case ["land", contract_id, *options]:
            with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
                landing(pipeline, chosen, contract_id)
        case ["ingest", contract_id, *options]:
            with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
                ingestion(pipeline, chosen, contract_id)
        case ["refine", *options]:
            with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
                refinement(pipeline, chosen)
        case _:
            raise BadInputError(
                "no step was named", hint="python -m beam_pipelines ingest CONTRACT … | land CONTRACT … | refine …; then Beam's own options"
            )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except LakehouseError as error:
        print(f"{type(error).__name__}: {error}\n  next: {error.hint}", file=sys.stderr)
        sys.exit(error.exit_code)
