with newest as (
    select * from {{ ref('int_classes_newest') }}
    where op <> 'd'
),

classes as (
    select
        class_id,
        user_pid,
        zone_id,
        org_id,
        created_at
    from newest
)

select * from classes
