{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'teachers') }}
),

renamed as (
    select
        {{ staged('teachers') }}
    from source
)

select * from renamed
