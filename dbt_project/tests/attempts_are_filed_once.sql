-- An attempt is filed under one day: none of those that this build filed may stand under another day too.

with filed as (
    select attempt_id
    from {{ ref('fact_attempts') }}
    where {{ is_one_of('occurred_on', clock_days('sittings')) }}
)

select attempt_id
from {{ ref('fact_attempts') }}
where {{ any_day('occurred_on') }}
    and attempt_id in (select attempt_id from filed)
group by attempt_id
having count(*) > 1
