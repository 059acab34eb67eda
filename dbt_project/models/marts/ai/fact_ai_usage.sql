{{ config(**replaced_by_day('occurred_on', 'ai_usage_events', cluster_by=['zone_id', 'model_name'], is_large=true)) }}

with events as (
    select * from {{ ref('stg_ai_usage_events') }}
    where {{ on_days('occurred_on', 'ai_usage_events') }}
),

calls as (
    select
        ---------- ids
        event_id,
        ai_request_id,
        user_pid,
        zone_id,
        org_id,
        session_id,

        ---------- the call
        model_name,
        ai_feature,
        event_type = 'ai_request_failed' as is_failed,
        failure_reason,
        input_tokens,
        output_tokens,
        cost_usd,
        latency_ms,

        ---------- times
        occurred_at,
        occurred_on
    from events
)

select * from calls
