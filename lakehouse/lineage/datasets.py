"""What a command reads and writes, as dataset names: the zone and the name that the contract gives.

bus.exam.events ─▶ land ─▶ raw.exam_events ─▶ refine ─▶ clean.exam_events ─▶ model ─▶ curated.… ─▶ serve ─▶ online.…
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse.contracts import Registry

CHECKS, OPTIMIZATIONS = "monitoring.data_quality_checks", "monitoring.storage_optimizations"


@dataclass(frozen=True, slots=True)
class Flow:
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


def flow(command: Sequence[str], contracts: Registry) -> Flow:
    """Nothing of a command that moves no data that a contract describes."""
    verb, *rest = command
    raw, clean = ([f"{zone}.{c.table}" for c in contracts.ingested] for zone in ("raw", "clean"))
    curated, features = ([f"{layer}.{c.table}" for c in contracts.layer(layer)] for layer in ("curated", "features"))
    flows = {
        "land": ([f"bus.{c.topic}" for c in contracts.ingested], raw),
        "refine": (raw, [*clean, *(f"dead_letters.{c.table}" for c in contracts.ingested)]),
        "model": (clean, [*curated, *features]),
        "serve": (features, [f"online.{c.table}" for c in contracts.layer("features")]),
        "compact": (clean, clean),
        "optimize": (clean, [*clean, OPTIMIZATIONS]),
    }
    if verb == "check":
        chosen = clean if rest[0] == "clean" else [*curated, *features]
        return Flow(_only(chosen, rest, contracts), (CHECKS,))
    reads, writes = flows.get(verb, ((), ()))
    # A part of the models: each of them tells of itself (models.py), and the whole must not be claimed.
    return Flow() if verb == "model" and "--select" in rest else Flow(tuple(reads), tuple(writes))


def _only(names: list[str], words: Sequence[str], contracts: Registry) -> tuple[str, ...]:
    """Those of `--dataset`, by contract or table; all where there is none."""
    asked = {words[place + 1] for place, word in enumerate(words) if word == "--dataset"}
    tables = {c.table for c in contracts if c.id in asked or c.table in asked}
    return tuple(name for name in names if not asked or name.split(".", 1)[1] in tables)
