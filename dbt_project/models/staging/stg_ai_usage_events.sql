{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'ai_usage_events') }}
),

renamed as (
    select
        {{ staged('ai_usage_events') }}
    from source
)

select * from renamed
