{{ config(**replaced_by_day('occurred_on', 'motion_takes', cluster_by=['zone_id', 'user_pid'], is_large=true)) }}

with {{ steps_of_takes(ref('int_motion_take_events'), 'motion_takes') }},

takes as (
    select
        ---------- ids
        practice_id,
        {{ told_first('user_pid') }} as user_pid,
        {{ told_first('zone_id') }} as zone_id,
        {{ told_first('org_id') }} as org_id,
        {{ told_first('device_type') }} as device_type,

        ---------- the exercise
        {{ told_when('started', 'content_id') }} as content_id,
        {{ told_when('started', 'movement_id') }} as movement_id,

        ---------- the clip
        {{ told_when('uploaded', 'media_id') }} as media_id,
        {{ told_when('uploaded', 'duration_ms') }} as duration_ms,

        ---------- its analysis
        {{ take_status() }} as take_status,
        {{ told_when('ended', 'similarity_score') }} as similarity_score,
        {{ told_when('ended', 'wrong_movement_id') }} as wrong_movement_id,
        {{ told_when('ended', 'model_name') }} as model_name,
        {{ told_when('ended', 'failure_reason') }} as failure_reason,

        ---------- times
        {{ told_first('occurred_at') }} as started_at,
        {{ told_when('ended', 'occurred_at') }} as ended_at,
        filed_on as occurred_on
    from ranked
    group by practice_id, filed_on
)

select * from takes
