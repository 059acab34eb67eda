"""The fault table: every test here reports what it did to the system, and what came of it.

    def test_…(fault, rounds):
        …
        fault("kill -9 of land", rounds=rounds, sent=1_200, lost=0, doubled=0)     asserts both zeros, and fills a row

`make faults` runs the full number of rounds and prints the table; `make test` runs few.
"""

from collections.abc import Callable

import pytest

_FEW, _FULL = 2, 50
_PROPERTY = "fault"


@pytest.fixture
def is_full(request: pytest.FixtureRequest) -> bool:
    return request.config.getoption("--full-faults")


@pytest.fixture
def rounds(is_full: bool) -> int:
    """How often to strike."""
    return _FULL if is_full else _FEW


@pytest.fixture
def fault(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Report one row of the fault table. `sent` counts records; `lost` and `doubled` those that are missing or twice in the end."""

    def report(name: str, *, rounds: int, sent: int, lost: int, doubled: int) -> None:
        record_property(_PROPERTY, {"fault": name, "rounds": rounds, "sent": sent, "lost": lost, "doubled": doubled})
        assert sent > 0, f"{name}: nothing was sent, so nothing is shown"
        assert (lost, doubled) == (0, 0), f"{name}: {lost} lost, {doubled} doubled of {sent}"

    return report


def pytest_terminal_summary(terminalreporter) -> None:
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.getreports(outcome) if getattr(r, "when", "") == "call"]
    rows = [value for report in reports for name, value in report.user_properties if name == _PROPERTY]
    if not rows:
        return
    terminalreporter.section("faults")
    wide = max(len(row["fault"]) for row in rows)
    terminalreporter.write_line(f"{'fault':<{wide}}  {'rounds':>7}  {'events sent':>12}  {'lost':>6}  {'doubled':>8}")
    for row in sorted(rows, key=lambda row: row["fault"]):
        told = f"{row['fault']:<{wide}}  {row['rounds']:>7,}  {row['sent']:>12,}  {row['lost']:>6,}  {row['doubled']:>8,}"
        terminalreporter.write_line(told, red=bool(row["lost"] or row["doubled"]))
