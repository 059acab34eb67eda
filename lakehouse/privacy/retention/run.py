"""Every term is carried out, looked at again, and told: in a signed report, and in the audit log.

rules ─▶ carry out ─▶ again, and removing nothing: is anything due left? ─ yes ─▶ NotForgottenError
                                            └─ no ─▶ report, signed ─▶ lake; its hash ─▶ audit log
"""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from lakehouse.errors import BadInputError, NotForgottenError
from lakehouse.places import retention_report
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.erasure.receipt import Signer, hash_of
from lakehouse.privacy.retention import disclosed, records, sealed, tables
from lakehouse.privacy.retention.office import Keeper
from lakehouse.privacy.retention.outcome import Outcome
from lakehouse.privacy.retention.rules import Rule, rules
from lakehouse.settings import Settings
from lakehouse.storage.open import open_audit

FORMAT = "megacity.retention-report/1"
DONE = "retention.done"
_HOW: dict[str, Callable[[Keeper, Rule], Outcome]] = {
    "raw": sealed.raw,
    "dead_letters": sealed.dead_letters,
    "media": sealed.media,
    "day_keys": sealed.day_keys,
    "clean": tables.clean,
    "warehouse": tables.warehouse,
    "steps": tables.steps,
    "runs": records.runs,
    "files": records.files,
    "audit": records.audit,
    "disclosures": disclosed.disclosures,
}


def retain(settings: Settings, as_of: date, is_dry: bool, actor: str, tell: Callable[[str], None] = lambda _: None) -> dict:
    """The report; signed and kept where it is no dry run. Raises NotForgottenError where something that is due was left."""
    if as_of > datetime.now(UTC).date() + timedelta(days=1):  # the day has begun in Seoul when it has not in UTC
        raise BadInputError("what is not due yet would go", hint="name a day that has come")
    keeper = Keeper(settings, as_of, is_dry)
    outcomes = [_carried_out(keeper, rule, tell) for rule in rules(keeper.contracts)]
    holds = [{"hold_id": hold.hold_id, "of": hold.of, "placed_at": hold.placed_at.isoformat()} for hold in keeper.holds.in_force()]
    facts = {"as_of": as_of.isoformat(), "is_dry": is_dry, "holds": holds, "rules": [one.told() for one in outcomes]}
    if is_dry:
        return facts
    again = Keeper(settings, as_of, True)
    left = [one for rule in rules(keeper.contracts) if (one := _carried_out(again, rule, tell)).removed]
    if left:
        raise NotForgottenError(
            f"beyond its term is still: {', '.join(f'{one.rule.place} ({one.removed})' for one in left)}",
            hint="run `lakehouse retain` again: something came while it ran; docs/how_to/retain_and_hold.md",
        )
    log = open_audit(settings)
    sequence, head = log.head()
    facts |= {"done_at": datetime.now(UTC).isoformat(), "left_due": 0, "audit": {"sequence": sequence, "hash": head}}
    signed = Signer(keeper.vault, keeper.files).sign(facts, FORMAT)
    keeper.files.put(retention_report(as_of), json.dumps(signed, indent=1, ensure_ascii=False).encode())
    totals = {name: sum(getattr(one, name) for one in outcomes) for name in ("removed", "held", "in_force", "waiting", "bytes")}
    log.append(
        DONE,
        actor=actor,
        actor_kind=ActorKind.OS_USER,
        purpose="retention",
        details={"as_of": as_of.isoformat(), "report_hash": hash_of(signed), **totals},
    )
    return signed


def _carried_out(keeper: Keeper, rule: Rule, tell: Callable[[str], None]) -> Outcome:
    tell(rule.place)
    return _HOW[rule.kind](keeper, rule)
