{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'rights_requests') }}
),

renamed as (
    select
        {{ staged('rights_requests') }}
    from source
)

select * from renamed
