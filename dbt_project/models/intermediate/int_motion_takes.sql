{{ config(**replaced_by_day('occurred_on', 'motion_takes')) }}

{{ filed_by_first_day(ref('stg_motion_events'), 'practice_id', 'motion_takes') }}
