{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'responses') }}
),

renamed as (
    select
        {{ staged('responses') }}
    from source
)

select * from renamed
