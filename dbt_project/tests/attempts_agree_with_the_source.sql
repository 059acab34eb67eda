{{ config(severity='warn') }}

-- The sittings that the source database reports changed, against those that events told of: at least 99 % agree on
-- whether they ended, and with what score. It warns, since events may still be on their way.

with changes as (
    select
        stg.*,
        row_number() over (partition by attempt_id order by source_lsn desc, changed_at desc, event_id desc) as place
    from {{ ref('stg_attempts') }} as stg
    where {{ is_one_of('changed_on', clock_days('attempts')) }}
),

compared as (
    select
        changes.attempt_id,
        coalesce(
            (changes.attempt_status = 'finished') = (facts.attempt_status = 'finished')
            and coalesce(abs(changes.score - facts.score), 0) < 0.000001,
            false
        ) as agrees
    from changes
    left join {{ ref('fact_attempts') }} as facts on changes.attempt_id = facts.attempt_id and {{ any_day('facts.occurred_on') }}
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
