{{ config(**replaced_by_day('occurred_on', 'behaviour_events', after=13, cluster_by=['zone_id'])) }}

-- A day's views move the numbers of the 13 days after it, and are read with those of the 13 before. A content has a row as long
-- as any of its fourteen days has a view, so that one which nobody views any more is seen to fall, and does not only vanish.

{%- set in_week = 'content_days.occurred_on > ' ~ add_days('zone_days.occurred_on', -7) %}

with content_days as (
    select * from {{ ref('int_content_days') }}
    where {{ on_days('occurred_on', 'behaviour_events', before=13, after=13) }}
),

zone_days as (
    select distinct zone_id, occurred_on
    from content_days
    where {{ on_days('occurred_on', 'behaviour_events', after=13) }}
),

windows as (
    select
        zone_days.zone_id,
        content_days.content_id,
        zone_days.occurred_on,
        {{ whole_sum('case when content_days.occurred_on = zone_days.occurred_on then content_days.view_count end') }} as view_count,
        {{ whole_sum('case when content_days.occurred_on = zone_days.occurred_on then content_days.viewer_count end') }} as viewer_count,
        {{ whole_sum('case when ' ~ in_week ~ ' then content_days.view_count end') }} as view_count_7d,
        {{ whole_sum('case when not ' ~ in_week ~ ' then content_days.view_count end') }} as previous_view_count_7d,
        {{ whole_sum('case when ' ~ in_week ~ ' then content_days.rating_count end') }} as rating_count_7d,
        {{ whole_sum('case when ' ~ in_week ~ ' then content_days.rating_total end') }} as rating_total_7d
    from zone_days
    inner join content_days
        on zone_days.zone_id = content_days.zone_id
        and content_days.occurred_on between {{ add_days('zone_days.occurred_on', -13) }} and zone_days.occurred_on
    group by zone_days.zone_id, content_days.content_id, zone_days.occurred_on
),

trends as (
    select
        zone_id,
        content_id,
        occurred_on,
        view_count,
        viewer_count,
        view_count_7d,
        previous_view_count_7d,
        {{ ratio('view_count_7d - previous_view_count_7d', 'previous_view_count_7d') }} as view_growth_ratio,
        rank() over (partition by zone_id, occurred_on order by view_count_7d desc) as view_rank,
        rating_count_7d,
        {{ ratio('rating_total_7d', 'rating_count_7d') }} as mean_rating_score_7d
    from windows
)

select * from trends
