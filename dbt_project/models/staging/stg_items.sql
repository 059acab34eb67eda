{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'items') }}
),

renamed as (
    select
        {{ staged('items') }}
    from source
)

select * from renamed
