"""Deadlines escalate: a request that is due within days is a warning, one that is overdue wakes somebody.

register ─▶ due within days ─▶ warning (Slack)        overdue ─▶ critical (Slack, PagerDuty)
"""

from collections.abc import Sequence
from datetime import datetime

from lakehouse.alerting.alert import Alert
from lakehouse.alerting.sending import send
from lakehouse.privacy.requests import Request
from lakehouse.settings import Settings

RUNBOOK = "docs/on_call/privacy.md"


def alert_of(request: Request, now: datetime) -> Alert:
    """By the request's id alone: whom it is about is nobody's business here."""
    is_over = request.due_at <= now
    days = abs((request.due_at - now).total_seconds()) / 86_400
    return Alert(
        severity="critical" if is_over else "warning",
        summary=f"a request of a person is {'overdue by' if is_over else 'due in'} {days:.1f} days",
        key=f"privacy-request-{request.request_id}",
        facts={
            "request": request.request_id,
            "kind": request.kind,
            "state": request.state,
            "due": request.due_at.isoformat(timespec="minutes"),
        },
        next_move=f"`lakehouse privacy run` answers it; {RUNBOOK} says what holds one up",
    )


def tell(requests: Sequence[Request], now: datetime, settings: Settings) -> list[str]:
    """The receivers that took any of it."""
    return sorted({receiver for request in requests for receiver in send(alert_of(request, now), settings)})
