with catalogue as (
    select * from {{ ref('int_exams_newest') }}
    where op <> 'd'
),

seen as (
    select exam_id from {{ ref('int_exams_seen') }}
    union distinct
    select exam_id from {{ ref('int_items_newest') }} where op <> 'd'
),

exams as (
    select
        coalesce(catalogue.exam_id, seen.exam_id) as exam_id,
        catalogue.exam_id is not null as is_catalogued,
        catalogue.exam_title,
        catalogue.exam_type,
        catalogue.item_count,
        catalogue.time_limit_ms,
        catalogue.published_at
    from catalogue
    full outer join seen on catalogue.exam_id = seen.exam_id
)

select * from exams
