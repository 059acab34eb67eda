{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'behaviour_events') }}
),

renamed as (
    select
        {{ staged('behaviour_events') }}
    from source
)

select * from renamed
