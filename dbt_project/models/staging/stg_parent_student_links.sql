{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'parent_student_links') }}
),

renamed as (
    select
        {{ staged('parent_student_links') }}
    from source
)

select * from renamed
