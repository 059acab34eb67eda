{{ config(materialized='ephemeral') }}

{{ events_filed(ref('stg_voice_events'), ref('int_voice_takes'), 'practice_id') }}
