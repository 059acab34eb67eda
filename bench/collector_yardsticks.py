"""The yardsticks of bench/collector.py, as programs: `python -m bench.collector_yardsticks bare|pydantic|naive`.

    bare       ASGI, msgspec: parses and validates the body, one pass, and forgets it. Nobody can do less.
    pydantic   FastAPI, pydantic models: parses and validates the body, and forgets it.
    naive      FastAPI, pydantic models, one publish an event: how a collector is written when nobody measures.

All take the same bodies by the same contracts, under the same server with the same options as `lakehouse collect`.
"""

import datetime
import decimal
import json
import socket
import sys
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from lakehouse.contracts import project, registry
from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.types import TYPES
from lakehouse.places import Home
from lakehouse.settings import settings
from lakehouse.storage.local import LocalBus


def bare_app():
    """The quickest way that msgspec knows: the contract's id as the tag of a union, so that one pass checks it all."""
    import msgspec

    words = {name: project.python_type(registry().word(name)) for name in ("event_id", "org_id")}
    events = [
        msgspec.defstruct(
            c.table,
            [("event_id", words["event_id"]), ("payload", project.payload_type(c)), ("org_id", words["org_id"] | None, None)],
            tag_field="contract",
            tag=c.id,
            gc=False,
        )
        for c in registry().layer("stream")
    ]
    event = reduce(or_, events)
    decode = msgspec.json.Decoder(list[event] | event).decode
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]

    async def app(scope: dict, receive, send) -> None:
        if scope["type"] == "lifespan":
            return await _lifespan(receive, send)
        message = await receive()
        body = message["body"]
        if message["more_body"]:
            pieces = [body]
            while message["more_body"]:
                message = await receive()
                pieces.append(message["body"])
            body = b"".join(pieces)
        decode(body)
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    return app


async def _lifespan(receive, send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


def pydantic_app():
    import fastapi

    app, one = fastapi.FastAPI(), _any_event()

    def collect(events: list[one] | one) -> dict[str, int]:
        return {"accepted": len(events) if isinstance(events, list) else 1}

    app.post("/v1/events", status_code=202)(collect)
    return app


def naive_app():
    import fastapi

    bus = LocalBus(Home(settings().home).bus)
    app, one = fastapi.FastAPI(), _any_event()

    def collect(events: list[one] | one) -> dict[str, int]:
        events = events if isinstance(events, list) else [events]
        for event in events:
            envelope = event.model_dump(mode="json") | {"received_at": datetime.datetime.now(datetime.UTC).isoformat()}
            bus.publish(event.contract, [json.dumps(envelope).encode()])
        return {"accepted": len(events)}

    app.post("/v1/events", status_code=202)(collect)
    return app


def _any_event() -> Any:
    import pydantic

    return Annotated[reduce(or_, [_model(c) for c in registry().layer("stream")]), pydantic.Field(discriminator="contract")]


def _model(contract: Contract) -> Any:
    import pydantic

    always = {f.name for f in contract.fields if f.required}
    payloads = []
    for name, required in contract.event_types:
        fields = {f.name: _pydantic_field(f, f.name in always or f.name in required) for f in contract.fields if f.name != "event_type"}
        payloads.append(pydantic.create_model(name, event_type=(Literal[name], ...), **fields))
    payload = Annotated[reduce(or_, payloads), pydantic.Field(discriminator="event_type")]
    outer = {name: _pydantic_field(registry().word(name), name == "event_id") for name in ("event_id", "org_id")}
    return pydantic.create_model(contract.table, contract=(Literal[contract.id], ...), payload=(payload, ...), **outer)


def _pydantic_field(field: Field, required: bool) -> tuple[Any, Any]:
    import pydantic

    python = Literal[field.values] if field.values else TYPES[field.type].python
    limits = {"max_length": field.max_length, "pattern": field.pattern, "ge": field.minimum, "le": field.maximum}
    if python is decimal.Decimal:
        limits = {k: v if v is None else decimal.Decimal(str(v)) for k, v in limits.items()}
    if not field.values:
        python = Annotated[python, pydantic.Field(**{k: v for k, v in limits.items() if v is not None})]
    return (python, ...) if required else (python | None, None)


def main(which: str) -> None:
    import uvicorn

    from collectors.events.server import options

    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        print(json.dumps({"address": f"http://127.0.0.1:{listening.getsockname()[1]}"}), flush=True)
        uvicorn.Server(options({"bare": bare_app, "pydantic": pydantic_app, "naive": naive_app}[which](), settings())).run(
            sockets=[listening]
        )


if __name__ == "__main__":
    main(sys.argv[1])
