{{ config(**replaced_by_day('occurred_on', 'behaviour_events', cluster_by=['content_id'], is_large=true)) }}

with events as (
    select * from {{ ref('stg_behaviour_events') }}
    where {{ on_days('occurred_on', 'behaviour_events') }}
        and content_id is not null
),

ranked as (
    select
        events.*,
        row_number() over (
            partition by session_id, content_id, zone_id, occurred_on, event_type
            order by occurred_at desc, event_id desc
        ) as place_from_end
    from events
),

views as (
    select
        ---------- ids
        session_id,
        content_id,
        zone_id,
        max(org_id) as org_id,
        max(user_pid) as user_pid,

        ---------- what was done with it
        count(*) as content_event_count,
        {{ whole_sum('dwell_ms') }} as dwell_total_ms,
        max(progress_ratio) as progress_ratio,
        max(case when event_type = 'rating' and place_from_end = 1 then rating_score end) as rating_score,
        {{ count_where("event_type = 'review'") }} as review_count,

        ---------- times
        min(occurred_at) as first_viewed_at,
        occurred_on
    from ranked
    group by session_id, content_id, zone_id, occurred_on
)

select * from views
