{{ config(**replaced_by_key('content_id')) }}

-- When each video was removed for the last time. Removals are only ever added to, so a build extends what is there.

with removals as (
    select
        content_id,
        max(occurred_at) as removed_at
    from {{ ref('stg_video_events') }}
    where {{ on_days('occurred_on', 'video_events') }}
        and event_type = 'video_removed'
    group by content_id
),

removed as (
    select
        removals.content_id,
        {%- if is_incremental() %}
        greatest(removals.removed_at, coalesce(kept.removed_at, removals.removed_at)) as removed_at
        {%- else %}
        removals.removed_at
        {%- endif %}
    from removals
    {%- if is_incremental() %}
    left join {{ this }} as kept on removals.content_id = kept.content_id
    {%- endif %}
)

select * from removed
