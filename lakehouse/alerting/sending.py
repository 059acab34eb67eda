"""Alerts on their way: to Slack's incoming webhook, and what is critical to PagerDuty's Events API v2 as well.

    Alert ─┬▶ slack_message()    ─▶ LAKEHOUSE_SLACK_WEBHOOK_URL
           └▶ pagerduty_event()  ─▶ LAKEHOUSE_PAGERDUTY_URL, with LAKEHOUSE_PAGERDUTY_ROUTING_KEY     critical ones

Whoever sends is in trouble already: a receiver that is slow, away or not set up is logged, and never an error. An address
is a secret, and so is in no log line.
"""

import json
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime

from lakehouse.alerting.alert import Alert
from lakehouse.log import get_log
from lakehouse.settings import Settings

_log = get_log(__name__)
_TRIES = 2
_MARK = {"critical": ":rotating_light:", "warning": ":warning:"}


def send(alert: Alert, settings: Settings) -> list[str]:
    """The receivers that took it."""
    wanted = [("slack", settings.slack_webhook_url, slack_message(alert))]
    if alert.severity == "critical":
        key = settings.pagerduty_routing_key
        wanted.append(("pagerduty", key and settings.pagerduty_url, key and pagerduty_event(alert, key.get_secret_value())))
    taken = []
    for name, address, body in wanted:
        if address is None:
            setting = {"slack": "LAKEHOUSE_SLACK_WEBHOOK_URL", "pagerduty": "LAKEHOUSE_PAGERDUTY_ROUTING_KEY"}[name]
            _log.warning("alert_not_sent", receiver=name, summary=alert.summary, hint=f"set {setting}")
        elif _post(name, getattr(address, "get_secret_value", lambda a=address: a)(), body, settings.alert_timeout_seconds):
            taken.append(name)
    return taken


def slack_message(alert: Alert) -> dict:
    lines = [f"{_MARK[alert.severity]} *{_plain(alert.summary)}*", *(f"{name}: {_plain(value)}" for name, value in alert.facts.items())]
    lines += [f"next: {_plain(alert.next_move)}"] if alert.next_move else []
    lines += [f"<{alert.log_url}|log>"] if alert.log_url else []
    return {"text": "\n".join(lines)}


def pagerduty_event(alert: Alert, routing_key: str) -> dict:
    return {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": alert.key[:255],
        "payload": {
            "summary": alert.summary[:1024],
            "source": "megacity-lakehouse",
            "severity": alert.severity,
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": alert.facts.get("dag", ""),
            "custom_details": alert.facts | {"next": alert.next_move},
        },
        "links": [{"href": alert.log_url, "text": "log"}] if alert.log_url else [],
    }


def _post(name: str, address: str, body: dict, timeout_s: float) -> bool:
    for attempt in range(_TRIES):
        try:
            # http as well: a relay inside the cluster has no certificate
            request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=timeout_s):
                return True
        except urllib.error.HTTPError as error:
            said, is_final = f"HTTP {error.code}", error.code < 500 and error.code != 429
        except (OSError, ValueError) as error:
            said, is_final = type(error).__name__, isinstance(error, ValueError)
        if is_final:
            break
        time.sleep(attempt + 1 if attempt + 1 < _TRIES else 0)
    _log.warning("alert_not_sent", receiver=name, reason=said, hint="is the receiver's address right, and does it answer?")
    return False


def _plain(text: str) -> str:
    """Slack's three special characters as themselves: a run's id must not become a link or call a channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
