{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'item_calibrations') }}
),

renamed as (
    select
        {{ staged('item_calibrations') }}
    from source
)

select * from renamed
