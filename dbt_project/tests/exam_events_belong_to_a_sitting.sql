{{ config(severity='warn') }}

-- Exam events that no attempt counts, because they come later than the day after its first event: a client that uses an
-- attempt_id again. More than 1 % of the new events is worth a question to whoever owns that client.

with events as (
    select attempt_id, occurred_on
    from {{ ref('stg_exam_events') }}
    where {{ is_one_of('occurred_on', clock_days('exam_events')) }}
),

judged as (
    select
        count(*) as events,
        {{ count_where('events.occurred_on > ' ~ add_days('sittings.occurred_on', 1)) }} as strays
    from events
    left join {{ ref('int_sittings') }} as sittings on events.attempt_id = sittings.attempt_id
)

select * from judged
where strays > 0.01 * events
