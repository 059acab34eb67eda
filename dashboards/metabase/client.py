"""Metabase's API, as much of it as provisioning needs: sign in, ask, change, and say clearly what it refused.

API key ─▶ x-api-key │ user and password ─▶ POST /api/session ─▶ X-Metabase-Session, given back at the end
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.errors import BadInputError, CommandFailedError, DeniedError, SettingsError, UnavailableError, require
from lakehouse.settings import Settings

_LIMIT_S = 60


class Metabase:
    """One signed-in Metabase."""

    def __init__(self, http) -> None:
        self._http = http

    def get(self, path: str, **query) -> object:
        return self._ask("GET", path, params=query)

    def post(self, path: str, content: dict) -> dict:
        return self._ask("POST", path, json=content)

    def put(self, path: str, content: dict) -> dict:
        return self._ask("PUT", path, json=content)

    def _ask(self, method: str, path: str, **what) -> object:
        """Raises DeniedError, BadInputError, UnavailableError, CommandFailedError; none holds what was sent."""
        httpx = require("httpx", "dashboards")
        try:
            answer = self._http.request(method, path, **what)
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"Metabase does not answer {method} {path}: {type(error).__name__}",
                hint="is LAKEHOUSE_METABASE_URL right, and is it running?",
            ) from None
        if answer.status_code in (401, 403):
            raise DeniedError(
                f"Metabase refuses {method} {path}",
                hint="the key or user must be an administrator's: LAKEHOUSE_METABASE_API_KEY",
                is_known=answer.status_code == 403,
            )
        if answer.status_code in (400, 404):
            raise BadInputError(
                f"Metabase takes no {method} {path}: {_errors(answer)}", hint="its version may be older than the one in deploy/metabase"
            )
        if answer.status_code >= 400:
            raise CommandFailedError(
                f"Metabase answers {answer.status_code} to {method} {path}", hint="read Metabase's log, and run this again"
            )
        return answer.json() if answer.content else {}


def _errors(answer) -> str:
    """Which fields it named: their values, which may be secret, stay out."""
    try:
        told = answer.json()
    except ValueError:
        return f"status {answer.status_code}"
    named = sorted(told.get("errors", {})) if isinstance(told, dict) else []
    return f"status {answer.status_code}, fields {', '.join(named)}" if named else f"status {answer.status_code}"


@contextmanager
def signed_in(settings: Settings) -> Iterator[Metabase]:
    """Raises SettingsError where it is not said which Metabase, or by whom."""
    httpx = require("httpx", "dashboards")
    if not settings.metabase_url:
        raise SettingsError("no Metabase is known", hint="set LAKEHOUSE_METABASE_URL, such as http://localhost:3000")
    with httpx.Client(base_url=settings.metabase_url.rstrip("/"), timeout=_LIMIT_S) as http:
        api = Metabase(http)
        if settings.metabase_api_key:
            http.headers["x-api-key"] = settings.metabase_api_key.get_secret_value()
            yield api
            return
        if not (settings.metabase_user and settings.metabase_password):
            hint = "set LAKEHOUSE_METABASE_API_KEY (Admin settings, Authentication, API keys), or LAKEHOUSE_METABASE_USER and _PASSWORD"
            raise SettingsError("nobody signs in to Metabase", hint=hint)
        session = api.post("/api/session", {"username": settings.metabase_user, "password": settings.metabase_password.get_secret_value()})
        http.headers["X-Metabase-Session"] = session["id"]
        try:
            yield api
        finally:
            http.request("DELETE", "/api/session", headers={"X-Metabase-Session": session["id"]})
