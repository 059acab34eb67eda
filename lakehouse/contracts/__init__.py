"""Contracts as Python sees them.

contracts/*.yaml → registry → model (frozen nouns) → project (pure functions) → every engine's schema
"""

from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.registry import Registry, registry

__all__ = ["Contract", "Field", "Registry", "registry"]
