{{ config(**replaced_by_day('activity_on', 'behaviour_events', cluster_by=['zone_id'])) }}

with events as (
    select * from {{ ref('stg_behaviour_events') }}
    where {{ on_days('occurred_on', 'behaviour_events') }}
),

funnel as (
    select
        zone_id,
        occurred_on as activity_on,
        count(distinct case when event_type = 'page_view' then session_id end) as visitor_count,
        count(distinct case when event_type = 'signup' then session_id end) as signup_visitor_count,
        count(distinct case when event_type = 'mission_complete' then session_id end) as mission_visitor_count,
        count(distinct case when event_type = 'add_to_cart' then session_id end) as cart_visitor_count,
        count(distinct case when event_type = 'purchase' then session_id end) as purchase_visitor_count
    from events
    group by zone_id, occurred_on
)

select * from funnel
