{{ config(**replaced_by_day('occurred_on', 'voice_takes', cluster_by=['zone_id', 'content_id'])) }}

with takes as (
    select * from {{ ref('fact_voice_analysis') }}
    where {{ on_days('occurred_on', 'voice_takes') }}
),

content_days as (
    select
        zone_id,
        coalesce(content_id, 'none') as content_id,
        occurred_on,
        {{ take_counts() }},
        {{ exact_mean('accuracy_score') }} as mean_accuracy_score,
        {{ exact_mean('prosody_score') }} as mean_prosody_score
    from takes
    group by 1, 2, 3
)

select * from content_days
