{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'voice_events') }}
),

renamed as (
    select
        {{ staged('voice_events') }}
    from source
)

select * from renamed
