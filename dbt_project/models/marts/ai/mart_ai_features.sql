{{ config(**kept_up_to_date('occurred_on', 'ai_usage_events', cluster_by=['zone_id'])) }}

with calls as (
    select * from {{ ref('fact_ai_usage') }}
    where {{ on_days('occurred_on', 'ai_usage_events') }}
),

feature_days as (
    select
        zone_id,
        occurred_on,
        ai_feature,
        count(*) as request_count,
        {{ count_where('is_failed') }} as failed_count
    from calls
    group by zone_id, occurred_on, ai_feature
)

select * from feature_days
