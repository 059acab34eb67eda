"""Whoever is restricted has no features, offline or online, while it lasts, and has them again after."""

from datetime import UTC, datetime

import pyarrow.parquet as pq

from feature_repo import serving
from feature_repo.copies import Features
from feature_repo.online import Online
from lakehouse.places import feature_file
from lakehouse.privacy.hidden import Restriction, restrict
from lakehouse.privacy.requests import Whom
from lakehouse.settings import settings
from lakehouse.storage.open import open_files


def offline() -> set[str]:
    uri = open_files(settings()).uri(feature_file("engagement_vector"))
    return set(pq.read_table(uri)["user_pid"].to_pylist())


def test_not_served_while_it_lasts(some_features, home):
    everybody = {f"u{n}" for n in range(4)}
    serving.serve(settings())
    assert offline() == everybody and set(Online(settings()).named(sorted(everybody))[0]) == everybody
    restrict(open_files(settings()), {"u1": Restriction("objection_pending", datetime.now(UTC), "r-1")})
    Features(settings()).restrict([Whom("account", pid="u1")])
    for _ in range(2):  # at once, and after the next serving, though the warehouse has them still
        assert set(Online(settings()).named(sorted(everybody))[0]) == everybody - {"u1"}
        serving.serve(settings())
    assert offline() == everybody - {"u1"}
    restrict(open_files(settings()), {})
    serving.serve(settings())
    assert offline() == everybody and set(Online(settings()).named(sorted(everybody))[0]) == everybody
