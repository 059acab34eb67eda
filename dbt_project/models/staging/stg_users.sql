{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'users') }}
),

renamed as (
    select
        {{ staged('users') }}
    from source
)

select * from renamed
