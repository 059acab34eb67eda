"""A third-party publisher that writes to the bus itself, past the door, and not always well.

a few messages a slice ─┬─▶ real events once more, as bare envelopes   ─▶ refine drops them as duplicates
                        ├─▶ frames and lines that are no envelopes     ─▶ land makes dead letters of them
                        └─▶ envelopes whose payload breaks its contract ─▶ refine makes dead letters of them
"""

import json
from dataclasses import dataclass
from datetime import datetime

import msgspec

from lakehouse import verdicts
from lakehouse.contracts import registry
from lakehouse.envelope import Envelope, encode, pack
from simulator.city import City
from simulator.lines import Lines, hex_ids
from simulator.slices import Slice

SOURCE = "partner-feed"
_DAMAGED_FRAME = b"\x28\xb5\x2f\xfd" + b"this was a frame once"
_NOT_ENVELOPES = (
    (b'{"hello":"lake"}', verdicts.BAD_ENVELOPE),
    (b'{"event_id":"no-more-than-this"}', verdicts.BAD_ENVELOPE),
    (b"not even JSON", verdicts.UNREADABLE_MESSAGE),
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message on the bus. `code`: of the dead letter it must become; None where it is a duplicate.

    `event`, where it has one: the event whose envelope it is, sent from `zone_id`; `data` are the bytes otherwise.
    """

    topic: str
    code: str | None
    data: bytes = b""
    event: dict | None = None
    zone_id: str = ""

    def encoded(self, received_at: datetime) -> bytes:
        if self.event is None:
            return self.data
        version = registry().get(self.topic).version
        payload = self.event["payload"]
        raw = msgspec.Raw(json.dumps(payload, ensure_ascii=False).encode())
        subject, org_id = payload.get("user_id"), self.event.get("org_id")
        return encode(
            Envelope(self.event["event_id"], self.event["contract"], version, SOURCE, self.zone_id, received_at, raw, org_id, subject)
        )


def messages(city: City, part: Slice, lines: Lines) -> list[Message]:
    """The partner's messages during one slice."""
    rng = city.rng(6, part.number)
    chosen = [(json.loads(lines.text[n]), city.zones[lines.zone[n]]) for n in rng.integers(0, len(lines.text), 6).tolist()]
    fresh = hex_ids(rng, len(chosen))
    made = [Message(event["contract"], None, event=event, zone_id=zone) for event, zone in chosen[:2]]
    made += [
        _broken(chosen[2], fresh[2], verdicts.MISSING_FIELD, occurred_at=None),
        _broken(chosen[3], fresh[3], verdicts.WRONG_TYPE, occurred_at=5),
    ]
    made.append(_broken(chosen[4], fresh[4], verdicts.UNKNOWN_EVENT_TYPE, event_type="teleported"))
    event, _ = chosen[5]
    made.append(Message(event["contract"], verdicts.BAD_ENVELOPE, event=event | {"event_id": fresh[5]}, zone_id="atlantis"))
    made.append(Message(event["contract"], verdicts.UNREADABLE_MESSAGE, _DAMAGED_FRAME + fresh[0].encode()))
    line, code = _NOT_ENVELOPES[part.number % len(_NOT_ENVELOPES)]
    made.append(Message(event["contract"], code, pack([line])[0]))
    nowhere = event | {"event_id": fresh[1], "contract": "weather.events"}
    made.append(Message(event["contract"], verdicts.UNKNOWN_CONTRACT, event=nowhere, zone_id=chosen[5][1]))
    return made


def _broken(chosen: tuple[dict, str], event_id: str, code: str, **changes: object) -> Message:
    event, zone_id = chosen
    payload = {name: value for name, value in (event["payload"] | changes).items() if value is not None}
    return Message(event["contract"], code, event=event | {"event_id": event_id, "payload": payload}, zone_id=zone_id)
