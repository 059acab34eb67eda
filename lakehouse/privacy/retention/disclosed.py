"""Entries of disclosures to third parties go after their term, each with the marks of its people.

A hold covers an entry about whom it names, an entry about the whole zone or tenant that it names or about anybody there, and an entry
of data of its contract.
"""

from datetime import UTC

from lakehouse.privacy.disclosures.people import people_of
from lakehouse.privacy.disclosures.register import Disclosure, Disclosures, Scope
from lakehouse.privacy.retention.holds import Hold, Of
from lakehouse.privacy.retention.office import Keeper
from lakehouse.privacy.retention.outcome import Outcome
from lakehouse.privacy.retention.rules import Rule


def disclosures(keeper: Keeper, rule: Rule) -> Outcome:
    register = Disclosures(keeper.vault)
    entries = register.all()
    days = {one.disclosure_id: one.disclosed_at.astimezone(UTC).date() for one in entries}
    due = [one for one in entries if days[one.disclosure_id] < rule.last_day(keeper.as_of)]
    held = {name for hold in keeper.holds.in_force() for name in _covered(keeper, register, hold, due)} if due else set()
    going = {one.disclosure_id for one in due} - held
    if going and not keeper.is_dry:
        register.remove(going)
    oldest = min((day for name, day in days.items() if name not in going), default=None)
    return Outcome(rule, removed=len(going), held=len(due) - len(going), oldest=oldest)


def _covered(keeper: Keeper, register: Disclosures, hold: Hold, due: list[Disclosure]) -> set[str]:
    """Ids, of those that are due."""
    if hold.of == Of.CONTRACT:
        return {one.disclosure_id for one in due if hold.value in one.datasets}
    if hold.of == Of.PERSON:
        people = {bytes.fromhex(hold.value)}
    else:
        people = people_of(keeper.settings, keeper.vault, Scope(hold.of), hold.value)
    whole = {one.disclosure_id for one in due if (one.scope, one.scope_value) == (hold.of, hold.value)}
    return whole | register.naming(people) & {one.disclosure_id for one in due}
