{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'ai_requests') }}
),

renamed as (
    select
        {{ staged('ai_requests') }}
    from source
)

select * from renamed
