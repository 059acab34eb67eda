"""Training sets that were issued: to whom, when, for what, of whom; and taken back when one of these people may not be in it any more.

    issue() ─▶ platform/privacy/training_sets/<id>.json: SHA-256 of the file, keyed digests of its people
                  ├── withdrawal of a consent (`lakehouse privacy run` compares) ─┐
                  ├── erasure, restriction (a place of `lakehouse.copies`)       ┴▶ withdrawn: when, why, how many; its owner is told
                  └─▶ require(file): refuses one that is withdrawn, and one that nobody issued

The file itself is where its owner put it, out of our reach; so it is known by its digest, and must not be loaded unasked. A person is in the
register as a digest that the vault alone can compare, and not at all once the set is withdrawn on their account.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakehouse.alerting.alert import Alert
from lakehouse.alerting.sending import send
from lakehouse.errors import BadInputError, DeniedError
from lakehouse.places import training_set, training_sets_dir
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.consents import agreed
from lakehouse.privacy.erasure.copies import Left, Place, Purged, Tell
from lakehouse.privacy.requests import RUNBOOK, Whom
from lakehouse.privacy.rights.held import Held
from lakehouse.settings import Settings
from lakehouse.storage.open import open_audit, open_files, open_vault

Issued = dict[str, Any]


def issue(
    settings: Settings, file: Path, people: Collection[str], purpose: str, issued_to: str, datasets: Sequence[str], rows: int
) -> Issued:
    """Put a file down before it is handed out; its manifest stands beside it."""
    key = _key(settings)
    said: Issued = {
        "set_id": os.urandom(8).hex(),
        "issued_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "issued_to": issued_to,
        "purpose": purpose,
        "datasets": sorted(datasets),
        "rows": rows,
        "sha256": _sha256(file),
    }
    open_files(settings).put(
        training_set(said["set_id"]), _json(said | {"people": sorted(_digest(key, p) for p in people), "withdrawn": []})
    )
    file.with_name(f"{file.name}.manifest.json").write_bytes(_json(said))
    return said


def issued(settings: Settings) -> list[Issued]:
    """All of them, the newest last."""
    files = open_files(settings)
    found = [json.loads(files.get(path)) for path in files.list(training_sets_dir() + "/")]
    return sorted(found, key=lambda one: (one["issued_at"], one["set_id"]))


def require(settings: Settings, file: Path) -> Issued:
    """The set that this file is. Raises DeniedError where it is withdrawn, BadInputError where nobody issued it as it is."""
    sha256 = _sha256(file)
    same = [one for one in issued(settings) if one["sha256"] == sha256]
    if not same:
        raise BadInputError(
            "this file is no training set that was issued", hint="it was changed, or made otherwise: `lakehouse features training`"
        )
    if withdrawn := [one for one in same if one["withdrawn"]]:
        raise DeniedError(
            f"training set {withdrawn[0]['set_id']} is withdrawn ({withdrawn[0]['withdrawn'][-1]['because']})",
            hint="delete the file, make it anew with `lakehouse features training`, and train again",
            is_known=True,
        )
    return same[-1]


def follow_consents(settings: Settings) -> list[Issued]:
    """Withdraw every set with people whose standing decision does not allow its purpose any more."""
    key, changed, allowed = _key(settings), [], {}
    for one in issued(settings):
        if one["purpose"] not in allowed:
            allowed[one["purpose"]] = {_digest(key, pid) for pid in agreed(settings, one["purpose"])}
        changed += _withdraw(settings, one, set(one["people"]) - allowed[one["purpose"]], "consent")
    return changed


class TrainingSets(Place):
    """The register as a place: whoever is forgotten, or left alone, takes the sets back that they are in."""

    name = "training sets"
    stage = 6

    def close(self, people: Sequence[Whom]) -> None:
        self._take_back(people, "erasure")

    def restrict(self, people: Sequence[Whom]) -> None:
        self._take_back(people, "restriction")

    def purge(self, people: Sequence[Whom], tell: Tell) -> list[Purged]:
        self.close(people)
        return []

    def left(self, people: Sequence[Whom]) -> list[Left]:
        key, sets = _key(self.settings), issued(self.settings)
        named = {one.pid: sum(_digest(key, one.pid) in each["people"] for each in sets) for one in people if one.pid}
        return [Left(training_sets_dir(), {pid: count for pid, count in named.items() if count}, sum(len(s["people"]) for s in sets))]

    def held(self, one: Whom) -> Iterator[Held]:
        """In which sets they are, and for what; not who has them."""
        if one.pid:
            digest, names = _digest(_key(self.settings), one.pid), ("set_id", "issued_at", "purpose", "datasets")
            rows = [{name: each[name] for name in names} for each in issued(self.settings) if digest in each["people"]]
            yield Held(training_sets_dir(), "training sets", rows)

    def _take_back(self, people: Sequence[Whom], because: str) -> None:
        key = _key(self.settings)
        gone = {_digest(key, one.pid) for one in people if one.pid}
        for one in issued(self.settings) if gone else ():
            _withdraw(self.settings, one, set(one["people"]) & gone, because)


def _withdraw(settings: Settings, one: Issued, gone: set[str], because: str) -> list[Issued]:
    if not gone:
        return []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    told = {"at": now, "because": because, "people": len(gone)}
    audit = open_audit(settings)
    audit.append(
        "training_set.withdrawn",
        actor="lakehouse",
        actor_kind=ActorKind.SERVICE,
        purpose=one["purpose"],
        details={"set_id": one["set_id"], "because": because, "count": len(gone)},
    )
    audit.close()
    changed = one | {"people": sorted(set(one["people"]) - gone), "withdrawn": [*one["withdrawn"], told]}
    open_files(settings).put(training_set(one["set_id"]), _json(changed))
    send(
        Alert(
            severity="warning",
            summary=f"training set {one['set_id']} is withdrawn",
            key=f"training-set-{one['set_id']}",
            facts={"set": one["set_id"], "issued to": one["issued_to"], "issued at": one["issued_at"], "because": because},
            next_move=f"its owner deletes it, makes it anew and trains again; {RUNBOOK}",
        ),
        settings,
    )
    return [changed]


def _key(settings: Settings) -> bytes:
    vault = open_vault(settings)
    try:
        return vault.key_for("training sets")
    finally:
        vault.close()


def _digest(key: bytes, pid: str) -> str:
    return hmac.digest(key, pid.encode(), "sha256").hex()


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError:
        raise BadInputError(f"there is no file {file}", hint="check the path; it is read on this machine") from None


def _json(said: Issued) -> bytes:
    return json.dumps(said, indent=1).encode()
