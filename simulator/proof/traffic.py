"""Events while people are erased: of those who pass by all the time, of those who are erased until they have been for a while.

thread ─▶ POST /v1/events, a few a second ─▶ collector           stragglers(False): an erased person's apps have noticed
"""

import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx

from lakehouse.errors import CommandFailedError

_PAUSE_S = 0.2


class Traffic:
    """Sends until the block is left; `sent` counts what was accepted, by account."""

    def __init__(self, url: str, host: str, passing: Sequence[str], erased: Sequence[str]) -> None:
        self._client = httpx.Client(base_url=url, headers={"Host": host}, timeout=60)
        self._passing, self._erased = tuple(passing), tuple(erased)
        self._stopped, self._erased_send = threading.Event(), True
        self._thread = threading.Thread(target=self._send_on, name="traffic", daemon=True)
        self.sent: Counter[str] = Counter()
        self.failure: Exception | None = None

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopped.set()
        self._thread.join()
        self._client.close()

    def stragglers(self, send: bool) -> None:
        self._erased_send = send

    def send(self, users: Sequence[str]) -> None:
        """One event of each, now. Raises CommandFailedError where they are not accepted."""
        answer = self._client.post("/v1/events", json=[login(user) for user in users])
        if answer.status_code != 202:
            raise CommandFailedError(f"the collector answered {answer.status_code}", hint="read its log, logs/demo/collector.log")
        self.sent.update(users)

    def _send_on(self) -> None:
        while not self._stopped.wait(_PAUSE_S):
            try:
                self.send([*self._passing, *(self._erased if self._erased_send else ())])
            except Exception as error:  # noqa: BLE001 - told when the block is left; what was not accepted was not counted
                self.failure = error
                return


def login(user: str) -> dict:
    payload = {"event_type": "login_succeeded", "occurred_at": datetime.now(UTC).isoformat(), "user_id": user, "auth_method": "sso"}
    return {"event_id": str(uuid.uuid4()), "contract": "auth.login.events", "org_id": 11, "payload": payload}
