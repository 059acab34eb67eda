{{ config(**replaced_by_day('occurred_on', 'login_events', cluster_by=['zone_id', 'user_pid'], is_large=true)) }}

with events as (
    select * from {{ ref('stg_login_events') }}
    where {{ on_days('occurred_on', 'login_events') }}
),

logins as (
    select
        ---------- ids
        event_id,
        event_type,
        user_pid,
        zone_id,
        org_id,
        session_id,

        ---------- how
        device_type,
        auth_method,
        failure_reason,
        ip_network,

        ---------- times
        occurred_at,
        occurred_on
    from events
)

select * from logins
