"""The media routes, described in OpenAPI from the contracts; collectors/events/api.py puts them on its page."""

from typing import Any

from collectors.media.asking import KIND_HEADER, ORG_HEADER, USER_HEADER
from lakehouse.contracts.registry import Registry

_PUT_STATUSES = {
    "201": "The object is durable, sealed.",
    "200": "These very bytes were there already.",
    "400": "A header, the media_id, the URL or the digest is wrong, or the client went away: `code` says which.",
    "401": "It is not known who asks.",
    "403": "Who asks may not, or the upload URL has expired or is for another upload.",
    "408": "Nothing came for half a minute.",
    "409": "The media_id has other bytes already: choose a new one.",
    "410": "The person was erased; nothing of them is kept any more.",
    "413": "The object is larger than its kind, or its URL, allows.",
    "415": "The content type is none of this kind, or the bytes do not begin like one.",
    "421": "The host name is no site of ours.",
    "503": "Too many uploads at once: send it again after Retry-After seconds.",
    "507": "The disk is full: keep it, and send it again later.",
}
_POST_STATUSES = {"201": "A URL, the headers to send with it, and when it expires."} | {
    status: says for status, says in _PUT_STATUSES.items() if status in ("400", "401", "403", "413", "421")
}


def media_paths(contracts: Registry) -> dict[str, Any]:
    kinds = {kind.name: (contract, kind) for contract in contracts for kind in contract.media_kinds}
    types = sorted({content_type for _, kind in kinds.values() for content_type in kind.content_types})
    words = {name: contracts.word(name) for name in ("media_id", "user_id", "org_id")}
    limits = "\n".join(
        f"- `{name}`: {', '.join(k.content_types)}; at most {k.max_bytes:,} bytes ({c.id})" for name, (c, k) in kinds.items()
    )
    identifier = lambda name: {"type": "string", "pattern": words[name].pattern, "description": words[name].description}  # noqa: E731
    org = {"type": "integer", "minimum": words["org_id"].minimum, "maximum": words["org_id"].maximum}
    put = {
        "summary": "Upload one media object",
        "description": "The zone follows from the host name. Sealed while it arrives, and there once it is whole; sending it again is harmless. "
        f"A URL of POST /v1/media brings its kind and its permission with it.\n\n{limits}",
        "parameters": [
            {"name": "media_id", "in": "path", "required": True, "schema": identifier("media_id")},
            {"name": USER_HEADER, "in": "header", "required": True, "schema": identifier("user_id")},
            {"name": ORG_HEADER, "in": "header", "required": False, "schema": org},
            {"name": KIND_HEADER, "in": "header", "required": False, "schema": {"enum": list(kinds)}},
            {
                "name": "content-digest",
                "in": "header",
                "required": True,
                "schema": {"type": "string"},
                "description": "RFC 9530: sha-256=:<base64>:",
            },
        ],
        "requestBody": {"required": True, "content": {t: {"schema": {"type": "string", "format": "binary"}} for t in types}},
        "responses": {status: {"description": says} for status, says in _PUT_STATUSES.items()},
    }
    wish = {
        "type": "object",
        "properties": {
            "media_id": identifier("media_id"),
            "kind": {"enum": list(kinds)},
            "user_id": identifier("user_id"),
            "org_id": org,
            "max_bytes": {"type": "integer", "minimum": 1},
        },
        "required": ["media_id", "kind", "user_id"],
        "additionalProperties": False,
    }
    post = {
        "summary": "A URL by which somebody without a key may upload one object, for a while",
        "requestBody": {"required": True, "content": {"application/json": {"schema": wish}}},
        "responses": {status: {"description": says} for status, says in _POST_STATUSES.items()},
    }
    return {"/v1/media/{media_id}": {"put": put}, "/v1/media": {"post": post}}
