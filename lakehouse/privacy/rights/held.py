"""What a place holds of one person, as they are to see it: rows, their description, recordings; and nobody else in it by name.

row names them as whom it is about     ─▶ all of it, other people masked
row only mentions them (who asked …)   ─▶ that they are mentioned, and when: the rest is somebody else's
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.contracts.model import Contract, Field

YOU = "[you]"
OTHER = "[another person]"
_KEPT_OF_A_MENTION = ("event_type", "occurred_at", "received_at", "dt")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A recording: its bytes as they were sent, a piece at a time."""

    name: str
    pieces: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Held:
    """`place`: as `Left` calls it. `fields` say what a column means, as far as contracts and the vocabulary know it."""

    place: str
    dataset: str
    rows: list[Row]
    contract: Contract | None = None
    fields: tuple[Field, ...] = ()
    attachments: tuple[Attachment, ...] = ()


def theirs(row: Mapping[str, Any], columns: Mapping[str, bool], pid: str) -> Row:
    """A row as `pid` sees it. `columns` are those that name people, and whether a row is about whom they name (naming.py)."""
    is_about_them = any(row.get(name) == pid for name, is_whole in columns.items() if is_whole)
    shown = {name: value for name, value in row.items() if is_about_them or name in columns or name in _KEPT_OF_A_MENTION}
    return {name: _who(value, pid) if name in columns else value for name, value in shown.items()}


def as_sent(payload: Any, account: str, words: Mapping[str, Field]) -> Any:
    """What was sent under a person's key, at every depth: accounts in it other than theirs are masked."""
    if isinstance(payload, dict):
        return {
            name: _other(value, account) if name in words and words[name].treatment == "pseudonymise" else as_sent(value, account, words)
            for name, value in payload.items()
        }
    return [as_sent(value, account, words) for value in payload] if isinstance(payload, list) else payload


def _who(value: Any, pid: str) -> Any:
    return value if value is None else YOU if value == pid else OTHER


def _other(value: Any, account: str) -> Any:
    return value if value is None or value == account else OTHER
