{{ config(materialized='ephemeral') }}

{{ events_filed(ref('stg_motion_events'), ref('int_motion_takes'), 'practice_id') }}
