with catalogue as (
    select * from {{ ref('int_items_newest') }}
    where op <> 'd'
),

seen as (
    select * from {{ ref('int_items_seen') }}
),

items as (
    select
        coalesce(catalogue.item_id, seen.item_id) as item_id,
        catalogue.item_id is not null as is_catalogued,
        coalesce(catalogue.exam_id, seen.exam_id) as exam_id,
        coalesce(catalogue.skill, seen.skill) as skill,
        catalogue.item_discrimination,
        catalogue.item_difficulty,
        catalogue.item_guessing
    from catalogue
    full outer join seen on catalogue.item_id = seen.item_id
)

select * from items
