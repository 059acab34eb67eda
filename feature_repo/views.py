"""What Feast serves: one view a contract of contracts/features. Keys, types and words are the contract's.

A new view is a contract, a dbt model and one line here; tests/features fails until the line is there.
"""

from datetime import timedelta

from feast import Entity, FeatureView, Field
from feast.types import Array, Bool, Float64, Int64, String, UnixTimestamp

from feature_repo import entities
from feature_repo.sources import source
from lakehouse.contracts import registry
from lakehouse.settings import settings

# A decimal becomes a float: models compute with floats anyway. A date has no Feast type; make it a timestamp in dbt.
TYPES = {
    "text": String,
    "integer": Int64,
    "float": Float64,
    "decimal": Float64,
    "boolean": Bool,
    "timestamp": UnixTimestamp,
    "text_list": Array(String),
}
_FOREVER = timedelta(0)  # the newest row holds until there is a newer one


def view(contract_id: str) -> FeatureView:
    contract = registry().get(contract_id)
    known = {e.name: e for e in vars(entities).values() if isinstance(e, Entity)}
    return FeatureView(
        name=contract.table,
        entities=[known[key] for key in contract.keys],
        ttl=_FOREVER,
        schema=[
            Field(name=f.name, dtype=TYPES[f.type], description=f.description) for f in contract.fields if f.name != contract.event_time
        ],
        source=source(contract, settings()),
        description=contract.description,
        owner=contract.owner,
        tags={"contract": contract.id, "version": contract.version},
    )


student_skill_vector = view("features.student_skill_vector")
learning_path_vector = view("features.learning_path_vector")
engagement_vector = view("features.engagement_vector")
