{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'ability_estimates') }}
),

renamed as (
    select
        {{ staged('ability_estimates') }}
    from source
)

select * from renamed
