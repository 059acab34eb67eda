{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'exam_sessions') }}
),

renamed as (
    select
        {{ staged('exam_sessions') }}
    from source
)

select * from renamed
