"""Whose features a reader gets: the policy of lakehouse/privacy, asked before the store is.

    Looks (role, purpose) ─▶ may it read these views? ─▶ audit ─▶ users, less those of others and the hidden

A row of features is of a person in every zone; so a reader of some zones or tenants alone gets none.
"""

from lakehouse.contracts import Contract, registry
from lakehouse.errors import DeniedError
from lakehouse.privacy.access import Access
from lakehouse.privacy.chain import Outcome
from lakehouse.privacy.consents import TRAINING, agreed
from lakehouse.privacy.hidden import hidden_people
from lakehouse.privacy.reading import Looks
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files


def users(settings: Settings, looks: Looks, views: list[Contract], asked: list[str]) -> list[str]:
    """Those of `asked` whom this reader may see, in their order. Raises DeniedError, UnavailableError."""
    _require(looks, "features.read", views)
    looks.at("features.read", [c.id for c in views], users=len(asked))
    hidden, own = hidden_people(open_files(settings)), looks.reader.person
    return [user for user in asked if user not in hidden and own in (None, user)]


def kept_out(settings: Settings, looks: Looks, views: list[Contract], people: frozenset[str], rows: int) -> frozenset[str]:
    """Those of `people` who are in no training frame: hidden, or without a standing consent to be trained on. Raises DeniedError,
    UnavailableError."""
    _require(looks, "features.trained", views)
    if looks.reader.person is not None:
        raise DeniedError("a frame is of many people", hint="ask with a token that is not bound to one", is_known=True)
    looks.at("features.trained", [c.id for c in views], rows=rows)
    return people - agreed(settings, TRAINING)


def _require(looks: Looks, action: str, views: list[Contract]) -> None:
    for contract in views:
        what: Access = looks.require(action, contract, registry())
        if looks.reader.rows(what) == "false":
            looks.at(action, [contract.id], Outcome.DENIED)
            raise DeniedError(f"{contract.id} is of people in every zone", hint="ask with a key or token of all zones", is_known=True)
