{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'user_consents') }}
),

renamed as (
    select
        {{ staged('user_consents') }}
    from source
)

select * from renamed
