select calendar_on from {{ ref('dim_date') }}
