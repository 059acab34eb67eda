{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'attempts') }}
),

renamed as (
    select
        {{ staged('attempts') }}
    from source
)

select * from renamed
