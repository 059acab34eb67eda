with models as (
    select
        model_name,
        first_used_on,
        last_used_on
    from {{ ref('int_models') }}
)

select * from models
