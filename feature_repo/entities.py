"""Whom or what a feature is about. An entity is a word of the vocabulary, and its join key is that word."""

from feast import Entity, ValueType

from lakehouse.contracts import registry

_VALUE_TYPES = {"text": ValueType.STRING, "integer": ValueType.INT64}


def entity(name: str) -> Entity:
    word = registry().word(name)
    return Entity(name=name, join_keys=[name], value_type=_VALUE_TYPES[word.type], description=word.description)


user = entity("user_pid")
skill = entity("skill")
