{{ config(**replaced_by_day('occurred_on', 'behaviour_events', cluster_by=['campaign_id'])) }}

-- A visit belongs to the campaign that any event of its names on the day; what it does on the day counts for that campaign.

with events as (
    select * from {{ ref('stg_behaviour_events') }}
    where {{ on_days('occurred_on', 'behaviour_events') }}
),

brought as (
    select distinct zone_id, campaign_id, occurred_on, session_id
    from events
    where campaign_id is not null
),

campaign_days as (
    select
        brought.zone_id,
        brought.campaign_id,
        brought.occurred_on,
        count(distinct brought.session_id) as visitor_count,
        count(distinct case when events.event_type = 'signup' then events.session_id end) as signup_visitor_count,
        count(distinct case when events.event_type = 'mission_complete' then events.session_id end) as mission_visitor_count,
        count(distinct case when events.event_type = 'add_to_cart' then events.session_id end) as cart_visitor_count,
        count(distinct case when events.event_type = 'purchase' then events.session_id end) as purchase_visitor_count
    from brought
    inner join events
        on brought.zone_id = events.zone_id
        and brought.occurred_on = events.occurred_on
        and brought.session_id = events.session_id
    group by brought.zone_id, brought.campaign_id, brought.occurred_on
)

select * from campaign_days
