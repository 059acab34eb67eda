{{ config(materialized='ephemeral') }}

-- The exam events of the sittings that this build replaces. A sitting lasts a day at most, so its events are those of
-- its first business day and of the next one; what a client sends under the same attempt_id later is left out.

with sittings as (
    select * from {{ ref('int_sittings') }}
),

events as (
    select * from {{ ref('stg_exam_events') }}
),

sitting_events as (
    select
        events.*,
        sittings.occurred_on as sitting_on
    from events
    inner join sittings on events.attempt_id = sittings.attempt_id
    where events.occurred_on between sittings.occurred_on and {{ add_days('sittings.occurred_on', 1) }}
)

select * from sitting_events
