{{ config(**replaced_by_key('exam_id')) }}

{{ newest_changes(ref('stg_exams'), 'exam_id', 'exams') }}
