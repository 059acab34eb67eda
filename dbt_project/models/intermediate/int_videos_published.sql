{{ config(**replaced_by_key('content_id')) }}

-- Every video, as the first event that published it has it.

with published as (
    select content_id, user_pid, content_type, duration_ms, occurred_at, event_id
    from {{ ref('stg_video_events') }}
    where {{ on_days('occurred_on', 'video_events') }}
        and event_type = 'video_published'
),

ranked as (
    select
        published.*,
        row_number() over (partition by content_id order by occurred_at, event_id) as place
    from published
),

videos as (
    select
        content_id,
        user_pid,
        content_type,
        duration_ms,
        occurred_at,
        event_id
    from ranked
    where place = 1
        {{ unless_kept_earlier('content_id') }}
)

select * from videos
