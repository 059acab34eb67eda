"""What every storage asks of its callers alike, so that a name that works on the laptop works in the cloud.

topic, subscription ─▶ checked_name      path of a file ─▶ checked_path      how long a reader may take ─▶ ACK_DEADLINE_S
"""

import re

from lakehouse.errors import BadInputError
from lakehouse.storage.durable import TEMPORARY

ACK_DEADLINE_S = 600.0
"""After so long without an acknowledgement a message is delivered again; Pub/Sub's longest."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,127}")


def checked_name(name: str) -> str:
    """A topic or subscription name. Raises BadInputError where it would not be one on Pub/Sub, or would leave its folder."""
    if not _NAME.fullmatch(name):
        raise BadInputError(f"{name!r} is no name of a topic or subscription", hint="use letters, digits, dots, dashes; a letter first")
    return name


def checked_path(path: str) -> str:
    """A relative path of `Files`. Raises BadInputError where it is not one."""
    parts = path.split("/")
    if not path or "\0" in path or any(p in ("", ".", "..") or p.startswith(TEMPORARY) for p in parts):
        raise BadInputError(f"{path!r} is no path of a file here", hint="give a relative path such as exams/raw/events/part.parquet")
    return path
