"""The same seed gives the same bytes, however often; another seed gives another city."""

import hashlib

from small_city import NOW, Sent, sent

from simulator.calendar import Calendar
from simulator.city import City


def fingerprint(everything: Sent) -> dict[str, str]:
    def digest(pieces) -> str:
        whole = hashlib.sha256()
        for piece in pieces:
            whole.update(piece)
        return whole.hexdigest()

    return {
        "requests": digest(r.host.encode() + r.body for r in everything.requests),
        "rows": digest(row.line(NOW) for row in everything.rows),
        "messages": digest(m.encoded(NOW) for m in everything.messages),
        "uploads": digest(f"{u.host} {u.media_id} {u.user_id} {u.org_id}".encode() + u.data for u in everything.uploads),
        "truth": digest(repr(t.to_pylist()).encode() for t in everything.truth.values()),
    }


def city(seed: int) -> City:
    return City(seed=seed, scale=0.03, calendar=Calendar(days=3))


def test_the_same_seed_gives_the_same_bytes():
    assert fingerprint(sent(city(5))) == fingerprint(sent(city(5)))


def test_another_seed_gives_another_city():
    one, other = fingerprint(sent(city(5))), fingerprint(sent(city(6)))
    assert all(one[name] != other[name] for name in one)


def test_two_cities_share_no_event_and_hardly_a_person():
    one, other = sent(city(5)), sent(city(6))
    ids = [{row.event_id for row in everything.rows} for everything in (one, other)]
    people = [{row.subject for row in everything.rows if row.contract == "source.users"} for everything in (one, other)]
    assert not ids[0] & ids[1]
    assert not people[0] & people[1]
