{{ config(materialized='ephemeral') }}

{{ events_filed(ref('stg_exam_events'), ref('int_sittings'), 'attempt_id') }}
