{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'consent_events') }}
),

renamed as (
    select
        {{ staged('consent_events') }}
    from source
)

select * from renamed
