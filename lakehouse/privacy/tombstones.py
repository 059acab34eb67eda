"""Tombstones outlive the vault: the audit log has each of them, and a vault from a backup is set right by it when it is opened.

erasure.closed (audit log) ─▶ newer than the vault's newest ─▶ bury: key and pseudonym, which the backup brought back, go again
"""

import json
from datetime import datetime, timedelta

from lakehouse.log import get_log
from lakehouse.privacy.audit import Audit
from lakehouse.privacy.vault import SqlVault
from lakehouse.storage.protocols import Tombstone

CLOSED = "erasure.closed"
_ABOUT_AT_ONCE = timedelta(hours=1)
"""Two erasures at once may come into the vault in another order than they began in."""
_log = get_log(__name__)


def written(stone: Tombstone) -> dict[str, str | None]:
    """As the details of an audit record: keyed digests, which name nobody."""
    return {
        "subject_digest": stone.subject_digest.hex(),
        "pid_digest": stone.pid_digest and stone.pid_digest.hex(),
        "forgotten_at": stone.forgotten_at.isoformat(),
    }


def read(details: dict) -> Tombstone:
    pid_digest = details["pid_digest"]
    digests = bytes.fromhex(details["subject_digest"]), bytes.fromhex(pid_digest) if pid_digest else None
    return Tombstone(*digests, datetime.fromisoformat(details["forgotten_at"]))


def set_right(vault: SqlVault, audit: Audit) -> int:
    """How many people the vault did not know to be forgotten. A record is never older than the tombstone that it tells of."""
    newest = vault.last_forgotten_at()
    since = newest and newest - _ABOUT_AT_ONCE
    lacked = vault.bury([read(json.loads(record.details)) for record in audit.records(since=since, action=CLOSED)])
    if lacked:
        _log.warning("vault_was_restored", tombstones_set_again=lacked)
    return lacked
