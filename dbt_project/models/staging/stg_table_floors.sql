{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'table_floors') }}
),

renamed as (
    select
        {{ staged('table_floors') }}
    from source
)

select * from renamed
