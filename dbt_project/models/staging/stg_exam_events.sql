{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'exam_events') }}
),

renamed as (
    select
        {{ staged('exam_events') }}
    from source
)

select * from renamed
