"""What tells of runs and of people who worked here: logs, lineage, what tasks left, and the audit log. Holds do not reach them."""

from datetime import UTC, date, datetime, time

from lakehouse.privacy.audit import os_user
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.retention.office import Keeper
from lakehouse.privacy.retention.outcome import Outcome, together
from lakehouse.privacy.retention.rules import Rule
from lakehouse.storage.open import open_audit


def files(keeper: Keeper, rule: Rule) -> Outcome:
    """Files of a folder of this machine that nobody has written to since; on Google Cloud such folders are empty."""
    outcomes = []
    for path in sorted((keeper.settings.home / rule.place).rglob("*")):
        if not path.is_file():
            continue
        said = path.stat()
        day = datetime.fromtimestamp(said.st_mtime, UTC).date()
        if day >= rule.last_day(keeper.as_of):
            outcomes.append(Outcome(rule, oldest=day))
            continue
        if not keeper.is_dry:
            path.unlink()
        outcomes.append(Outcome(rule, removed=1, bytes=said.st_size))
    return together(rule, outcomes)


def runs(keeper: Keeper, rule: Rule) -> Outcome:
    outcomes = []
    for path in keeper.files.list(f"{rule.place}/dt="):
        day = date.fromisoformat(path.split("/dt=")[1].split("/")[0])
        if day >= rule.last_day(keeper.as_of):
            outcomes.append(Outcome(rule, oldest=day))
            continue
        if not keeper.is_dry:
            keeper.files.delete(path)
        outcomes.append(Outcome(rule, removed=1))
    return together(rule, outcomes)


def audit(keeper: Keeper, rule: Rule) -> Outcome:
    log, before = open_audit(keeper.settings), datetime.combine(rule.last_day(keeper.as_of), time(), UTC)
    due = sum(1 for _ in log.records(until=before))
    if due and not keeper.is_dry:
        log.forget_before(before, actor=os_user(), actor_kind=ActorKind.OS_USER)
    first = next(log.records(), None)
    return Outcome(rule, removed=due, oldest=first and datetime.fromisoformat(first.at).date())
