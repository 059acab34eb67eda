-- A take is filed under one day: none of those that this build filed may stand under another day too.

with takes as (
    select 'voice' as stream, practice_id, {{ is_one_of('occurred_on', clock_days('voice_takes')) }} as is_filed_now
    from {{ ref('fact_voice_analysis') }}
    where {{ any_day('occurred_on') }}
    union all
    select 'motion' as stream, practice_id, {{ is_one_of('occurred_on', clock_days('motion_takes')) }} as is_filed_now
    from {{ ref('fact_motion_analysis') }}
    where {{ any_day('occurred_on') }}
)

select stream, practice_id
from takes
group by stream, practice_id
having count(*) > 1 and {{ count_where('is_filed_now') }} > 0
