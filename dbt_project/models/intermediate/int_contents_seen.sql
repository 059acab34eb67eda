{{ config(**replaced_by_key('content_id')) }}

-- Every content that an event names, so that dim_content has those that the source database does not know.

with named as (
    select content_id from {{ ref('stg_behaviour_events') }} where {{ on_days('occurred_on', 'behaviour_events') }}
    union all
    select content_id from {{ ref('stg_voice_events') }} where {{ on_days('occurred_on', 'voice_events') }}
    union all
    select content_id from {{ ref('stg_motion_events') }} where {{ on_days('occurred_on', 'motion_events') }}
),

contents as (
    select distinct content_id
    from named
    where content_id is not null
)

select * from contents
