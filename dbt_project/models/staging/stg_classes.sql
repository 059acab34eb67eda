{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'classes') }}
),

renamed as (
    select
        {{ staged('classes') }}
    from source
)

select * from renamed
