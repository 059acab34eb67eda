{{ config(**replaced_by_day('occurred_on', 'voice_takes')) }}

{{ filed_by_first_day(ref('stg_voice_events'), 'practice_id', 'voice_takes') }}
