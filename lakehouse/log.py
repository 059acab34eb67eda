"""The log: one JSON line an event on stderr, and never a person in it.

    log.info("batch_landed", contract="exam.events", rows=5000)
      ─▶ refuse: keys that the vocabulary calls identifier, personal or sensitive; values that look like one
      ─▶ {"at": …, "level": "info", "from": "beam_pipelines.land", "event": "batch_landed", "contract": …, "rows": 5000}

Logs are copied to places where no erasure reaches them; so the refusal is in the only way to them. With
LAKEHOUSE_LOG_STRICT (the tests set it) a refused value raises; otherwise it is replaced and counted. An exception is
logged by its type and place; its words only where they are our own, since a foreign one may quote the data.
"""

import ipaddress
import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from lakehouse.contracts import registry
from lakehouse.contracts.model import KEPT_BY_DEFAULT
from lakehouse.errors import BadInputError, LakehouseError
from lakehouse.settings import settings

REFUSED = "[refused]"
_EMAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[A-Za-z]{2,}")
_PHONE = re.compile(
    r"(?<![\w-])(?:\+\d{1,3}[ -]?\d{1,4}[ -]?\d{3,4}[ -]?\d{3,4}|01\d[ -]?\d{3,4}[ -]?\d{4}|0\d{1,2}-\d{3,4}-\d{4})(?![\w-])"
)
_MAYBE_IP = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:]|\.\d))")
_refused = 0


class Log:
    """Key=value calls for one module. Values may be anything JSON knows, a date, a path, or an exception as `error=`."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"lakehouse.{name.removeprefix('lakehouse.')}")
        self._name = name

    def debug(self, event: str, **values: object) -> None:
        self._write(logging.DEBUG, event, values)

    def info(self, event: str, **values: object) -> None:
        self._write(logging.INFO, event, values)

    def warning(self, event: str, **values: object) -> None:
        self._write(logging.WARNING, event, values)

    def error(self, event: str, **values: object) -> None:
        self._write(logging.ERROR, event, values)

    def _write(self, level: int, event: str, values: dict[str, object]) -> None:
        _configure()
        if self._logger.isEnabledFor(level):
            line = {
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "level": logging.getLevelName(level).lower(),
                "from": self._name,
            }
            line["event"] = safe("event", event)
            line |= {key: _described(value) if isinstance(value, BaseException) else safe(key, value) for key, value in values.items()}
            self._logger.log(level, json.dumps(line, default=_plain, ensure_ascii=False))


def get_log(name: str) -> Log:
    """`name` is the module's: get_log(__name__)."""
    return Log(name)


def refused_count() -> int:
    """Values replaced in this process: anything above 0 is a defect to find, and belongs on a dashboard."""
    return _refused


def safe(key: str, value: object) -> object:
    """`value`, or what stands for it: the audit log asks the same. Raises BadInputError in strict mode."""
    if key in _refused_keys():
        return _refuse(f"the vocabulary calls {key!r} personal")
    if isinstance(value, dict):
        return {k: safe(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [safe(key, v) for v in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if kind := _looks_like(str(value)):
        return _refuse(f"the value of {key!r} looks like {kind}")
    return value


def _refuse(why: str) -> str:
    global _refused
    if settings().log_strict:
        raise BadInputError(f"not logged: {why}", hint="log a count, a pseudonym or an id of ours instead")
    _refused += 1
    return REFUSED


def _looks_like(text: str) -> str | None:
    if _EMAIL.search(text):
        return "an e-mail address"
    if _PHONE.search(text):
        return "a telephone number"
    return "an IP address" if any(_is_ip(m.group()) for m in _MAYBE_IP.finditer(text)) else None


def _is_ip(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)  # where we listen is nobody's


@lru_cache(maxsize=1)
def _refused_keys() -> frozenset[str]:
    contracts = registry()
    fields = [*contracts.vocabulary.values(), *(f for c in contracts for f in c.fields)]
    return frozenset(f.name for f in fields if f.classification not in KEPT_BY_DEFAULT)


def _described(error: BaseException) -> dict[str, object]:
    """Type, place, and our own words."""
    frames = traceback.extract_tb(error.__traceback__)
    described: dict[str, object] = {"type": type(error).__name__}
    if frames:
        described["at"] = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
    if isinstance(error, LakehouseError):
        described |= {"message": safe("message", str(error)), "hint": safe("hint", error.hint)}
    return described


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@lru_cache(maxsize=1)
def _configure() -> None:
    """On the first line, not at import: whoever embeds us may have set the logger up already."""
    ours = logging.getLogger("lakehouse")
    if not ours.handlers:
        handler = _Stderr()
        handler.setFormatter(logging.Formatter("%(message)s"))
        ours.addHandler(handler)
        ours.propagate = False
    ours.setLevel(settings().log_level.upper())


class _Stderr(logging.StreamHandler):
    """stderr as it is now: a test or a progress bar may have put another in its place since."""

    @property
    def stream(self):
        return sys.stderr

    @stream.setter
    def stream(self, _value) -> None: ...
