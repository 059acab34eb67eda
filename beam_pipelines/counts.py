"""Counts of what became of records: {contract: {name: number}}, and how they add up."""

from collections.abc import Mapping

Counts = dict[str, dict[str, int]]


def add(totals: Counts, more: Mapping[str, Mapping[str, int]]) -> None:
    for contract, counts in more.items():
        of_contract = totals.setdefault(contract, {})
        for name, number in counts.items():
            of_contract[name] = of_contract.get(name, 0) + number


def total(counts: Counts, name: str) -> int:
    return sum(of_contract.get(name, 0) for of_contract in counts.values())
