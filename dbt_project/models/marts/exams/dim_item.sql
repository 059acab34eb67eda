with catalogue as (
    select * from {{ ref('int_items_newest') }}
    where op <> 'd'
),

seen as (
    select * from {{ ref('int_items_seen') }}
),

calibrations as (
    select
        *,
        row_number() over (partition by item_id order by calibrated_on desc) as place
    from {{ ref('stg_item_calibrations') }}
),

newest as (
    select * from calibrations where place = 1
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
),

calibrated as (
    select
        items.*,
        newest.calibrated_on,
        newest.calibrated_discrimination,
        newest.calibrated_difficulty,
        newest.calibrated_guessing,
        newest.discrimination_error,
        newest.difficulty_error,
        newest.guessing_error,
        newest.calibrated_response_count,
        newest.compared_calibrated_on,
        newest.difficulty_shift,
        newest.drift_z,
        newest.is_drifting
    from items
    left join newest on items.item_id = newest.item_id
)

select * from calibrated
