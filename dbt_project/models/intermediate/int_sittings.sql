{{ config(**replaced_by_day('occurred_on', 'sittings')) }}

{{ filed_by_first_day(ref('stg_exam_events'), 'attempt_id', 'sittings') }}
