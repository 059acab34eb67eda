{{ config(**replaced_by_day('occurred_on', 'sittings', cluster_by=['attempt_id'], is_large=true)) }}

with events as (
    select * from {{ ref('int_sitting_events') }}
    where {{ on_days('filed_on', 'sittings') }}
        and {{ on_days('occurred_on', 'sittings', after=1) }}
        and event_type = 'response_given'
),

ranked as (
    select
        events.*,
        row_number() over (partition by attempt_id, response_index order by occurred_at, event_id) as place
    from events
),

responses as (
    select
        ---------- ids
        attempt_id,
        response_index,
        event_id,
        exam_id,
        item_id,
        user_pid,
        zone_id,
        org_id,

        ---------- what was answered
        skill,
        is_correct,
        response_time_ms,

        ---------- times
        occurred_at as responded_at,
        occurred_on as responded_on,
        filed_on as occurred_on
    from ranked
    where place = 1
)

select * from responses
