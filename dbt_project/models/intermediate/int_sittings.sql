{{ config(**replaced_by_day('occurred_on', 'sittings')) }}

-- Which attempt is filed under which day: the day of its first event. Clock `sittings` holds the days with new exam
-- events, and the days that the attempts of these events were filed under before.

with events as (
    select attempt_id, occurred_on
    from {{ ref('stg_exam_events') }}
    where {{ on_days('occurred_on', 'sittings') }}
),

firsts as (
    select
        attempt_id,
        min(occurred_on) as occurred_on
    from events
    group by attempt_id
),

sittings as (
    select
        attempt_id,
        occurred_on
    from firsts
    {%- if is_incremental() %}
    -- an attempt that is filed under a day which this build leaves alone has begun on that day
    where not exists (
        select 1
        from {{ this }} as kept
        where kept.attempt_id = firsts.attempt_id
            and not ({{ on_days('kept.occurred_on', 'sittings') }})
    )
    {%- endif %}
)

select * from sittings
