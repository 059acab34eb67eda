{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'organizations') }}
),

renamed as (
    select
        {{ staged('organizations') }}
    from source
)

select * from renamed
