with source as (
    select * from {{ source('clean', 'exams') }}
),

renamed as (
    select
        {{ staged('exams') }}
    from source
)

select * from renamed
