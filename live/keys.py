"""Names in Redis, composed and taken apart here alone.

    live:cell:<view>:<partition values>:<minute>   hash: <row values>|<measure>|<part> → number, or newest values
    live:about:<user_pid>                          set of "<cell>\\n<row>": where rows about a person are, to forget them
    live:seen:<generation>                         set of digests of event ids that are counted
    live:forgotten                                 sorted set of user_pid, by when (inf: until let go): nothing about them is counted
    live:epoch                                     hash: the server's run id that the figures are complete on
    live:changes                                   channel: the cells that a batch changed

Values are percent-encoded, so that no value can pass for a separator. A person is named by pseudonym only.
"""

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, unquote

PREFIX = "live:"
CELL = PREFIX + "cell:"
ABOUT = PREFIX + "about:"
SEEN = PREFIX + "seen:"
FORGOTTEN = PREFIX + "forgotten"
EPOCH = PREFIX + "epoch"
CHANGES = PREFIX + "changes"
GENERATIONS = 4
ENTRY_END = "\x1e"  # JSON text holds no control character
ORDER_DIGITS = 37


@lru_cache(maxsize=65_536)
def _quoted(value: object) -> str:
    return "" if value is None else quote(str(value), safe="")


def joined(values: Iterable[object]) -> str:
    """Values of a key or of a row as one text; None becomes empty."""
    return ":".join(map(_quoted, values))


def parted(text: str) -> list[str | None]:
    """The values of joined(), as texts."""
    return [unquote(part) or None for part in text.split(":")]


def cell(partition: str, minute: int) -> str:
    return f"{CELL}{partition}:{minute}"


def partition(view_table: str, values: Iterable[object]) -> str:
    return f"{view_table}:{joined(values)}"


def of_cell(key: str) -> tuple[str, int]:
    """(partition, minute) of a cell's name."""
    name, _, minute = key.removeprefix(CELL).rpartition(":")
    return name, int(minute)
