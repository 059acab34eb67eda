"""A city holds together at every size: people belong to organizations of their zone, and no two share a name tag."""

import re
from collections import Counter

import numpy as np
import pytest

from lakehouse.contracts import registry
from simulator.city import POOL, City
from simulator.identity import MAIL_IS_ACCOUNT, Identities


@pytest.mark.parametrize("scale", [0.01, 1, 10, 250])
def test_people_belong_to_organizations_of_their_zone(scale: float):
    people = City(scale=scale).people
    assert (people.org_zone[people.org] == people.zone).all()
    assert len(np.unique(people.zone)) > 5 and people.org.min() >= 0


@pytest.mark.parametrize("scale", [0.01, 1, 250])
def test_exams_belong_to_zones_and_items_to_exams(scale: float):
    city = City(scale=scale)
    exams = city.exams
    assert (np.bincount(exams.zone) == exams.per_zone).all() and len(exams.type) == exams.size
    assert (np.bincount(exams.item_exam) == POOL).all()
    assert {"practice", "mock", "placement", "final"} >= set(exams.type)
    ids = {exams.item_id(n) for n in range(len(exams.item_exam))}
    assert len(ids) == len(exams.item_exam)


@pytest.mark.parametrize("seed", [1, 2, 99])
def test_no_two_people_share_an_identifier(seed: int):
    names = Identities(seed)
    for make in (names.email, names.phone, names.code, lambda n: names.user_id(n, "kzone")):
        assert max(Counter(map(make, range(20_000))).values()) == 1


def test_identifiers_are_synthetic_and_obey_the_vocabulary():
    names, words = Identities(1), registry().vocabulary
    for n in range(2_000):
        assert names.email(n).endswith(".example.com")
        assert re.fullmatch(r"010-\d{4}-\d{4}", names.phone(n))
        assert re.match(r"198\.1[89]\.|2001:db8:", names.ip_address(n))
        for zone in ("univprep", MAIL_IS_ACCOUNT):
            assert re.fullmatch(words["user_id"].pattern, names.user_id(n, zone))
    assert names.user_id(5, MAIL_IS_ACCOUNT) == names.email(5)
