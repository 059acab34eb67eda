{{ config(**replaced_by_day('occurred_on', 'sittings', cluster_by=['exam_id', 'user_pid'], is_large=true)) }}

with events as (
    select * from {{ ref('int_sitting_events') }}
    where {{ on_days('filed_on', 'sittings') }}
        and {{ on_days('occurred_on', 'sittings', after=1) }}
),

responses as (
    select
        attempt_id,
        count(*) as response_count,
        {{ count_where('is_correct') }} as correct_count
    from {{ ref('fact_responses') }}
    where {{ on_days('occurred_on', 'sittings') }}
    group by attempt_id
),

-- Most attempts have one earliest event: sorting those alone, rather than all events of all attempts, is what makes this fast.
earliest as (
    select
        attempt_id,
        min(occurred_at) as occurred_at
    from events
    group by attempt_id
),

first_ranked as (
    select
        events.*,
        row_number() over (partition by events.attempt_id order by events.event_id) as place
    from events
    inner join earliest
        on events.attempt_id = earliest.attempt_id
        and events.occurred_at = earliest.occurred_at
),

first_events as (
    select * from first_ranked where place = 1
),

ends_ranked as (
    select
        events.*,
        row_number() over (partition by attempt_id order by occurred_at desc, event_id desc) as place_from_end
    from events
    where event_type = 'attempt_finished'
),

last_ends as (
    select * from ends_ranked where place_from_end = 1
),

starts as (
    select
        attempt_id,
        min(occurred_at) as started_at
    from events
    where event_type = 'attempt_started'
    group by attempt_id
),

attempts as (
    select
        ---------- ids
        first_events.attempt_id,
        first_events.exam_id,
        first_events.user_pid,
        first_events.zone_id,
        first_events.org_id,
        first_events.device_type,

        ---------- the sitting
        coalesce(starts.started_at, last_ends.started_at, first_events.occurred_at) as started_at,
        last_ends.occurred_at as finished_at,
        case when last_ends.attempt_id is null then 'started' else 'finished' end as attempt_status,

        ---------- its result
        last_ends.score,
        last_ends.theta,
        last_ends.standard_error,
        last_ends.item_count,
        last_ends.time_spent_ms,
        coalesce(responses.response_count, 0) as response_count,
        coalesce(responses.correct_count, 0) as correct_count,

        first_events.filed_on as occurred_on
    from first_events
    left join starts on first_events.attempt_id = starts.attempt_id
    left join last_ends on first_events.attempt_id = last_ends.attempt_id
    left join responses on first_events.attempt_id = responses.attempt_id
)

select * from attempts
