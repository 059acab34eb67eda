{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'exams') }}
),

renamed as (
    select
        {{ staged('exams') }}
    from source
)

select * from renamed
