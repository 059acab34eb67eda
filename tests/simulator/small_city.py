"""Everything that one simulation sends and says is true, in memory: what the tests of the simulator look at."""

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from simulator import truth
from simulator.city import City
from simulator.media import MediaUpload
from simulator.requests import Request
from simulator.run import Simulation
from simulator.snapshot import Row

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Sent:
    """Everything of one simulation."""

    city: City
    simulation: Simulation
    requests: list[Request]
    rows: list[Row]
    messages: list
    uploads: list[MediaUpload]
    truth: dict[str, pa.Table]


def sent(city: City) -> Sent:
    simulation = Simulation(city)
    steps = list(simulation.steps())
    return Sent(
        city,
        simulation,
        [request for step in steps for request in step.requests],
        [row for step in steps for row in step.rows],
        [message for step in steps for message in step.messages],
        [upload for step in steps for upload in step.uploads],
        truth.tables(city, simulation.ledger),
    )


def texts(request: Request) -> list[str]:
    """The events of a request as they were written; of a body that is no JSON, the body."""
    body = (gzip.decompress(request.body) if request.is_gzip else request.body).decode()
    if request.refused_whole:
        return [body]
    decoded = json.loads(body)
    if isinstance(decoded, dict):
        return [body]
    return [json.dumps(event, ensure_ascii=False) for event in decoded]


def good_events(small: Sent) -> list[tuple[str, dict]]:
    """(host, event) of all events that were not spoiled, duplicates included, in order of sending."""
    return [
        (request.host, json.loads(text))
        for request in small.requests
        if not request.refused_whole
        for n, text in enumerate(texts(request))
        if n not in request.expected
    ]
