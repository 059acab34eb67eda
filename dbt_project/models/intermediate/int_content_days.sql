{{ config(**replaced_by_day('occurred_on', 'behaviour_events', cluster_by=['zone_id'])) }}

-- A day of a content in few numbers, so that a window of days need not read the visits of every one of them again.

with views as (
    select * from {{ ref('fact_content_views') }}
    where {{ on_days('occurred_on', 'behaviour_events') }}
),

content_days as (
    select
        zone_id,
        content_id,
        occurred_on,
        count(*) as view_count,
        count(distinct user_pid) as viewer_count,
        count(rating_score) as rating_count,
        {{ whole_sum('rating_score') }} as rating_total
    from views
    group by zone_id, content_id, occurred_on
)

select * from content_days
