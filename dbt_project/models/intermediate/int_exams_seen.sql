{{ config(**replaced_by_key('exam_id')) }}

-- Every exam that an attempt names, so that dim_exam has the exams that the source database does not know.

with exams as (
    select distinct exam_id
    from {{ ref('stg_exam_events') }}
    where {{ on_days('occurred_on', 'exam_events') }}
)

select * from exams
