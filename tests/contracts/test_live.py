"""A live contract that cannot be counted, or that would mix tenants, is refused, and it is said why."""

import pytest

from lakehouse.contracts import live
from lakehouse.contracts.registry import Registry
from lakehouse.errors import ContractError

MINUTES, OVERVIEW = "live/exam_minutes.odcs.yaml", "live/exam_overview.odcs.yaml"


@pytest.mark.parametrize(
    ("path", "old", "new", "why"),
    [
        (MINUTES, "partition: [zone_id, org_id]", "partition: [zone_id]", "belongs to one tenant, or to one person"),
        (MINUTES, "partition: [zone_id, org_id]", "partition: [zone_id, org_id, minute_at]", "not its minute"),
        (MINUTES, "partition: [zone_id, org_id]", "partition: [zone_id, org_id, score]", "part of the primary key"),
        (MINUTES, "{mean: score,", "{median: score,", "a measure is one of count, sum, mean, last"),
        (MINUTES, "{mean: score,", "{mean: exam_id,", "cannot hold mean of exam_id"),
        (MINUTES, "{mean: score,", "{mean: scores,", "exam.events has no field 'scores'"),
        (MINUTES, "{mean: score,", "{mean: answer_text,", "exam.events has no field 'answer_text'"),
        (MINUTES, "{event_type: attempt_started}", "{kind: attempt_started}", "exam.events has no field 'kind'"),
        (MINUTES, "      - {name: mean_score}\n", "", "either of the primary key or measured"),
        (MINUTES, "source: exam.events", "source: source.users", "neither a stream nor live"),
        (MINUTES, "physicalType: live", "physicalType: curated", "go together"),
        (OVERVIEW, "{mean: score}", "{last: score}", "have no order"),
    ],
)
def test_a_live_contract_that_makes_no_sense_is_refused(edited, path: str, old: str, new: str, why: str) -> None:
    with pytest.raises(ContractError, match=why):
        live.check_all(Registry(edited(path, old, new)))


def test_what_is_committed_can_be_counted(root) -> None:
    live.check_all(Registry(root / "contracts"))
