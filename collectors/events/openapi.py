"""POST /v1/events in OpenAPI, by hand, since no framework serves it: forms, headers, keys, and every status with what it carries.

contracts ─▶ events_path(): the route      SCHEMES: keys and tokens      tests hold every answer that they see to it
"""

from collections.abc import Mapping
from typing import Any

from collectors.events import cloudevents
from collectors.events.forms import BATCHED, JSON, STRUCTURED
from lakehouse.access.caller import Scope
from lakehouse.admission import MAX_EVENTS
from lakehouse.contracts import project, registry
from lakehouse.contracts.model import Contract
from lakehouse.skew import MOST_MS, TOLERANCE_MS
from lakehouse.verdicts import CODES

_SENT_AT = {
    "name": "Sent-At",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "examples": ["2026-11-20T08:00:00.250Z", "1795161600250"]},
    "description": "When the request was sent, by the sender's clock: RFC 3339, or milliseconds since 1970. Where that clock is wrong by "
    f"more than {TOLERANCE_MS} ms, and by less than {MOST_MS // 86_400_000} days, event times are corrected by it.",
}
SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "mck_<id>_<secret>",
        "description": f"An API key (`lakehouse keys create`) with the scope {Scope.EVENTS_WRITE}.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": f"A token of the platform's OIDC issuer, signed by RS256 or ES256, with the scope {Scope.EVENTS_WRITE}.",
    },
}
REFUSALS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    # status: (what it means, codes)
    "400": (
        "No event was accepted: the verdicts, or the reason for all, say why.",
        ("malformed_json", "empty", "incomplete", "wrong_type", "malformed_request", "bad_sent_at"),
    ),
    "401": ("No key or token, or one that is not good (any more).", ("no_credentials", "bad_credentials")),
    "403": ("The key or token is known, and not for this; or a preflight of a page that may not send.", ("forbidden", "unknown_origin")),
    "405": ("Another method than POST.", ("method_not_allowed",)),
    "408": ("The request did not arrive in time.", ("too_slow",)),
    "413": (f"The body is too large, holds more than {MAX_EVENTS} events, or more than the key may ever send at once.", ("too_large",)),
    "415": (
        "The body is neither JSON nor a CloudEvent in JSON, or is encoded otherwise than by gzip or zstd. `text/plain`, which is all that "
        "navigator.sendBeacon can send to another site, is refused: send with fetch and `keepalive: true`.",
        ("unsupported_media_type", "unsupported_encoding"),
    ),
    "421": ("The host name is no site of ours.", ("unknown_site",)),
    "429": (
        "The key's limit is reached, or too many requests without a good key came from this address: wait as Retry-After says.",
        ("rate_limited", "too_many_failures"),
    ),
    "431": ("The request's line and headers are too long.", ("headers_too_large",)),
    "500": ("A defect of ours. Nothing was accepted; send the same again, and report it.", ("internal",)),
    "503": (
        "Too much at once, the bus and the spool are away, or it cannot be seen who you are: send the same again after Retry-After seconds.",
        ("busy", "not_durable", "access_away"),
    ),
    "507": ("The disk or the spool is full: keep the events, send the same again after Retry-After seconds.", ("disk_full", "spool_full")),
}
_COUNTS = {"accepted": {"type": "integer"}, "rejected": {"type": "integer"}}
_RETRIED = ("429", "503", "507")
_CORS = {
    "Access-Control-Allow-Origin": "The origin, where its pages may send.",
    "Access-Control-Expose-Headers": "What the page may read.",
}


def events_path() -> dict[str, Any]:
    event = {"oneOf": [_event(c) for c in registry().layer("stream")]}
    described = "The zone follows from the host name. An event is accepted only once it is durable; sending one again, under the same "
    described += (
        "event_id, is harmless. CloudEvents 1.0 are taken in binary, structured and batched mode: `id` is the event_id, `type` the "
    )
    described += "contract (or `<contract>.<event_type>`), the extension `orgid` the org_id, and the data the payload.\n\n"
    described += "\n".join(f"- `{code}`: {m.says} {m.sender_should}" for code, m in CODES.items())
    accepted = {
        "202": _answer("Every event is durable.", _object(**_COUNTS)),
        "207": _answer("Some events are durable, some are rejected; a verdict for each.", _verdicts()),
    }
    post = {
        "summary": "Send one event, or an array of them",
        "description": described,
        "security": [{name: []} for name in SCHEMES],
        "parameters": _parameters(),
        "requestBody": {"required": True, "content": _content(event)},
        "responses": accepted | {status: _refusal(status, *said) for status, said in REFUSALS.items()},
    }
    preflight = {
        "summary": "May a page of this origin send?",
        "responses": {
            "204": {"description": "It may, and so.", "headers": _headers(_CORS)},
            "403": _refusal("403", "Pages of this origin may not send.", ("unknown_origin",)),
        },
    }
    return {"post": post, "options": preflight}


def _content(event: dict[str, Any]) -> dict[str, Any]:
    cloud_event = _cloud_event()
    return {
        JSON.decode(): {"schema": {"oneOf": [event, _many(event)]}},
        STRUCTURED.decode(): {"schema": cloud_event},
        BATCHED.decode(): {"schema": _many(cloud_event)},
    }


def _many(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": MAX_EVENTS}


def _parameters() -> list[dict[str, Any]]:
    encoding = {"type": "string", "enum": ["identity", "gzip", "zstd"]}
    binary = "Binary mode: this attribute of a CloudEvent whose data is the body; percent-encoded as its HTTP binding says."
    named = [{"name": name, "in": "header", "schema": {"type": "string"}, "description": binary} for name in cloudevents.HEADERS]
    return [
        {"name": "Content-Encoding", "in": "header", "schema": encoding, "description": "How the body is compressed."},
        _SENT_AT,
        *named,
    ]


def _verdicts() -> dict[str, Any]:
    verdict = {
        "type": "object",
        "properties": {
            "index": {"type": "integer"},
            "event_id": {"type": ["string", "null"]},
            "status": {"enum": ["accepted", "rejected"]},
            "code": {"enum": sorted(CODES)},
            "field": {"type": ["string", "null"]},
        },
        "required": ["index", "event_id", "status"],
        "additionalProperties": False,
    }
    return _object(**_COUNTS, results={"type": "array", "items": verdict})


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _refusal(status: str, says: str, codes: tuple[str, ...]) -> dict[str, Any]:
    told = {"code": {"enum": list(codes)}, "message": {"type": "string"}, "position": {"type": "integer"}}
    schema = _object(**told) | {"required": ["code", "message"]}
    if status == "400":
        schema = {"oneOf": [schema, _verdicts()]}
    more = {"Retry-After": "Whole seconds to wait."} if status in _RETRIED else {}
    if status in ("401", "403"):
        more = {"WWW-Authenticate": "Bearer, and what is wrong with it."}
    return _answer(says, schema, more)


def _answer(says: str, schema: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {"description": says, "headers": _headers(_CORS | (headers or {})), "content": {"application/json": {"schema": schema}}}


def _headers(described: dict[str, str]) -> dict[str, Any]:
    return {name: {"description": says, "schema": {"type": "string"}} for name, says in described.items()}


def _event(contract: Contract) -> dict[str, Any]:
    schema = {k: v for k, v in project.json_schema(contract).items() if not k.startswith("$")}
    words = registry().vocabulary
    return {
        "type": "object",
        "title": contract.id,
        "properties": {
            "event_id": {"type": "string", "pattern": words["event_id"].pattern, "description": words["event_id"].description},
            "contract": {"const": contract.id},
            "org_id": {"type": ["integer", "null"], "minimum": words["org_id"].minimum, "maximum": words["org_id"].maximum},
            "payload": schema,
        },
        "required": ["event_id", "contract", "payload"],
        "additionalProperties": False,
    }


def _cloud_event() -> dict[str, Any]:
    words = registry().vocabulary
    return {
        "type": "object",
        "title": "CloudEvent 1.0",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {
                "type": "string",
                "pattern": words["event_id"].pattern,
                "description": "The event_id: unique for ever, whatever the source.",
            },
            "source": {"type": "string", "format": "uri-reference", "description": "Held to its form, and not kept."},
            "type": {"type": "string", "description": "A contract's id, or `<contract>.<event_type>`, which must be the data's."},
            "datacontenttype": {"type": ["string", "null"], "description": "JSON, or absent."},
            "dataschema": {"type": ["string", "null"], "format": "uri", "description": "/v1/contracts/<id> must be that of `type`."},
            "subject": {"type": ["string", "null"], "description": "Held to its form, and not kept: the data says whom it is about."},
            "time": {"type": ["string", "null"], "format": "date-time", "description": "Held to its form: the data says when it happened."},
            cloudevents.TENANT: {"type": ["integer", "string", "null"], "description": words["org_id"].description},
            "data": {"description": "The payload, as its contract has it."},
            "data_base64": {"type": "string", "contentEncoding": "base64", "description": "The payload's JSON, instead of `data`."},
        },
        "required": ["specversion", "id", "source", "type"],
        "patternProperties": {"^(?!data$)[a-z0-9]+$": {"type": ["string", "integer", "boolean", "null"]}},
    }
