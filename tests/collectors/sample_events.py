"""Events as a producer would write them, for the tests of the front door."""

import json
import uuid
from datetime import UTC, datetime, timedelta

HOST = "univprepai.com"


def now_text(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


def started(**changes: object) -> dict:
    """A good attempt_started; `changes` replace fields of the payload."""
    payload = {
        "event_type": "attempt_started",
        "occurred_at": now_text(),
        "user_id": "student-1",
        "attempt_id": "attempt-1",
        "exam_id": "exam-1",
    }
    return event("exam.events", payload | changes)


def login(**changes: object) -> dict:
    payload = {"event_type": "login_succeeded", "occurred_at": now_text(), "user_id": "student-1", "auth_method": "sso"}
    return event("auth.login.events", payload | changes)


def ai(**changes: object) -> dict:
    payload = {
        "event_type": "ai_request_completed",
        "occurred_at": now_text(),
        "user_id": "student-1",
        "ai_request_id": "request-1",
        "model_name": "tutor-1",
        "ai_feature": "hint",
        "input_tokens": 10,
        "output_tokens": 20,
        "cost_usd": 0.0125,
        "latency_ms": 300,
    }
    return event("ai.usage.events", payload | changes)


def event(contract: str, payload: dict) -> dict:
    return {"event_id": str(uuid.uuid4()), "contract": contract, "org_id": 17, "payload": payload}


def text(*events: dict) -> bytes:
    return json.dumps(list(events)).encode()
