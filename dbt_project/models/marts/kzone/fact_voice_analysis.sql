{{ config(**replaced_by_day('occurred_on', 'voice_takes', cluster_by=['zone_id', 'user_pid'], is_large=true)) }}

with {{ steps_of_takes(ref('int_voice_take_events'), 'voice_takes') }},

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
        {{ told_when('started', 'expected_text_id') }} as expected_text_id,
        {{ told_when('started', 'language_code') }} as language_code,

        ---------- the recording
        {{ told_when('uploaded', 'media_id') }} as media_id,
        {{ told_when('uploaded', 'duration_ms') }} as duration_ms,

        ---------- its analysis
        {{ take_status() }} as take_status,
        {{ told_when('ended', 'accuracy_score') }} as accuracy_score,
        {{ told_when('ended', 'prosody_score') }} as prosody_score,
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
