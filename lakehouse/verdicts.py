"""Why a record is refused: one short list of codes, shared by everything that judges records.

    the door (HTTP, backfill) ─┐
    landing                    ├─▶ Rejection(code, field) ─▶ the sender's answer, or a dead letter
    refinement                 ┘

A verdict names a code and a field of the contract, and never a value: verdicts travel to logs and metrics, where values
of people must not be. Codes are an interface, like exit codes: they are added to, never renamed.
"""

from typing import NamedTuple


class Meaning(NamedTuple):
    """What a code says, and what its sender should do about it; one sentence each."""

    says: str
    sender_should: str


MALFORMED_JSON = "malformed_json"
WRONG_TYPE = "wrong_type"
MISSING_FIELD = "missing_field"
OUT_OF_RANGE = "out_of_range"
NOT_ALLOWED = "not_allowed"
BAD_FORMAT = "bad_format"
UNKNOWN_FIELD = "unknown_field"
UNKNOWN_CONTRACT = "unknown_contract"
UNKNOWN_EVENT_TYPE = "unknown_event_type"
IN_THE_FUTURE = "in_the_future"
TOO_LONG_AGO = "too_long_ago"
NUL_CHARACTER = "nul_character"
TOO_LARGE = "too_large"
EMPTY = "empty"
FORBIDDEN_ORG = "forbidden_org"
ANOTHER_REGION = "another_region"
UNREADABLE_MESSAGE = "unreadable_message"
BAD_ENVELOPE = "bad_envelope"

CODES: dict[str, Meaning] = {
    MALFORMED_JSON: Meaning(
        "This is not JSON as RFC 7493 has it: a syntax error, NaN, bytes that are not UTF-8, half a surrogate pair, a name "
        "twice in one object, or nesting without end.",
        "Write it with a JSON library, in UTF-8, each name once.",
    ),
    WRONG_TYPE: Meaning("The value has another JSON type than the contract says.", "Send the type that the contract names."),
    MISSING_FIELD: Meaning("A field that the contract requires is absent or null.", "Send the field."),
    OUT_OF_RANGE: Meaning(
        "A number lies outside the contract's limits, or a text is longer than it allows.", "Check the unit, and shorten texts."
    ),
    NOT_ALLOWED: Meaning("The value is none of those that the contract lists.", "Send one of the listed values, or have it added."),
    BAD_FORMAT: Meaning(
        "The text does not have the form that the contract asks for; a timestamp is ISO 8601 with an offset.",
        "Send the form that the contract's pattern or type describes.",
    ),
    UNKNOWN_FIELD: Meaning(
        "The contract does not know the field, and this stream refuses what it does not know.",
        "Leave the field out, or add it to the contract first.",
    ),
    UNKNOWN_CONTRACT: Meaning("No stream has this name.", "Send one of the contracts that GET /v1/contracts lists."),
    UNKNOWN_EVENT_TYPE: Meaning("The stream has no event of this type.", "Send one of the contract's event types, or have it added."),
    IN_THE_FUTURE: Meaning(
        "The event time is more than ten minutes after the time of arrival.", "Set the clock of the sender, and send it again."
    ),
    TOO_LONG_AGO: Meaning("The event time is before the year 2000.", "Send the true time; it is in milliseconds or 1970 by mistake."),
    NUL_CHARACTER: Meaning("A text holds the character U+0000, which databases refuse.", "Remove the character."),
    TOO_LARGE: Meaning("The record or the request is larger than allowed.", "Send less at once, or shorten the payload."),
    EMPTY: Meaning("The request holds no event.", "Send at least one."),
    FORBIDDEN_ORG: Meaning(
        "The key or token is for other tenants than the event's org_id, or the event names none.",
        "Send the tenant's own org_id, with the key of that tenant.",
    ),
    ANOTHER_REGION: Meaning(
        "The tenant's people live in another region, or the event names no tenant and this is not the primary region; nothing of it "
        "was kept here.",
        "Send it to the collector of the tenant's region; contracts/reference/regions.yaml has them.",
    ),
    UNREADABLE_MESSAGE: Meaning(
        "A message on the bus is neither a packed batch nor an envelope.", "Publish what lakehouse.envelope.pack makes, or one envelope."
    ),
    BAD_ENVELOPE: Meaning(
        "A line of a message is no envelope, or names no known zone.", "Publish envelopes as contracts/envelope.odcs.yaml says."
    ),
}


class Rejection(NamedTuple):
    """The verdict on a record that is refused. `field` is a field's name, or None where no single field is to blame."""

    code: str
    field: str | None = None
