{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'erasure_requests') }}
),

renamed as (
    select
        {{ staged('erasure_requests') }}
    from source
)

select * from renamed
