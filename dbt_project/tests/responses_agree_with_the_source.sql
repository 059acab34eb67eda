{{ config(severity='warn') }}

-- The responses that the source database reports changed, against those that events told of: at least 99 % agree on
-- whether they were right. It warns, since events may still be on their way.

with changes as (
    select
        stg.*,
        row_number() over (partition by response_id order by source_lsn desc, changed_at desc, event_id desc) as place
    from {{ ref('stg_responses') }} as stg
    where {{ is_one_of('changed_on', clock_days('responses')) }}
),

compared as (
    select
        changes.response_id,
        coalesce(changes.is_correct = facts.is_correct, false) as agrees
    from changes
    left join {{ ref('fact_responses') }} as facts
        on changes.attempt_id = facts.attempt_id
        and changes.response_index = facts.response_index
        and {{ any_day('facts.occurred_on') }}
    where changes.place = 1 and changes.op <> 'd'
),

consistency as (
    select
        count(*) as reported,
        {{ count_where('agrees') }} as agreeing
    from compared
)

select * from consistency
where agreeing < 0.99 * reported
