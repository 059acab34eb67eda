"""Who plays: those who are erased, those who stay and must keep every row, and those who go on sending meanwhile.

city ─▶ students by how much is stored of them ─▶ erased, kept, passing ─▶ what each is known by
"""

from dataclasses import dataclass

from lakehouse.privacy.erasure.copies import Copies
from lakehouse.privacy.requests import Whom
from lakehouse.storage.protocols import Vault
from simulator.city import City


@dataclass(frozen=True)
class Cast:
    """`whom`: as the platform knows them before anything is erased, by the account."""

    erased: tuple[str, ...]
    kept: tuple[str, ...]
    passing: tuple[str, ...]
    whom: dict[str, Whom]

    def of(self, users: tuple[str, ...]) -> list[Whom]:
        return [self.whom[user] for user in users]


def chosen(city: City, vault: Vault, places: list[Copies], each: int) -> Cast:
    """Those of whom most is stored, in turn: so that in every copy there is somebody to find."""
    people = city.people
    known = {}
    for number in range(people.first_new):
        zone = city.zones[people.zone[number]]
        known[city.identities.user_id(number, zone)] = (city.identities.email(number), city.identities.phone(number))
    found = vault.find(list(known))
    whom = {user: Whom(user, known[user], key.pid, key.key_id) for user, key in found.items()}
    stored = rows_of(places, list(whom.values()))
    ranked = sorted(whom, key=lambda user: (-len(stored[user]), -sum(stored[user].values()), user))
    return Cast(tuple(ranked[0 : 3 * each : 3]), tuple(ranked[1 : 3 * each : 3]), tuple(ranked[2 : 3 * each : 3]), whom)


def rows_of(places: list[Copies], people: list[Whom]) -> dict[str, dict[str, int]]:
    """Account → place → rows."""
    left = [one for place in places for one in place.left(people)]
    return {one.subject: {at.place: at.rows[one.pid] for at in left if one.pid in at.rows} for one in people}
