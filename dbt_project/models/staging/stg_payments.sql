{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'payments') }}
),

renamed as (
    select
        {{ staged('payments') }}
    from source
)

select * from renamed
