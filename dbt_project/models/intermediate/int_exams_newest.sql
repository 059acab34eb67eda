{{ config(**replaced_by_key('exam_id')) }}

{{ newest_changes('stg_exams', 'exam_id', 'exams') }}
