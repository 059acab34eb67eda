{{ config(**replaced_by_key('model_name')) }}

-- When each model first and last answered. Days are only ever added to, so a build extends what is there.

with calls as (
    select model_name, occurred_on from {{ ref('stg_ai_usage_events') }} where {{ on_days('occurred_on', 'ai_usage_events') }}
    union all
    select model_name, occurred_on from {{ ref('stg_voice_events') }} where {{ on_days('occurred_on', 'voice_events') }}
    union all
    select model_name, occurred_on from {{ ref('stg_motion_events') }} where {{ on_days('occurred_on', 'motion_events') }}
),

found as (
    select
        model_name,
        min(occurred_on) as first_used_on,
        max(occurred_on) as last_used_on
    from calls
    where model_name is not null
    group by model_name
),

models as (
    select
        found.model_name,
        {%- if is_incremental() %}
        least(found.first_used_on, coalesce(kept.first_used_on, found.first_used_on)) as first_used_on,
        greatest(found.last_used_on, coalesce(kept.last_used_on, found.last_used_on)) as last_used_on
        {%- else %}
        found.first_used_on,
        found.last_used_on
        {%- endif %}
    from found
    {%- if is_incremental() %}
    left join {{ this }} as kept on found.model_name = kept.model_name
    {%- endif %}
)

select * from models
