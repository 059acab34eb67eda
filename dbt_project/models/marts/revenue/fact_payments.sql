{{ config(**replaced_by_day('occurred_on', 'payment_days', cluster_by=['zone_id', 'user_pid'])) }}

-- A payment is filed under the day on which it was ordered, whatever becomes of it later.

with newest as (
    select
        *,
        {{ business_day('created_at') }} as occurred_on
    from {{ ref('int_payments_newest') }}
    where op <> 'd'
),

payments as (
    select
        ---------- ids
        payment_id,
        user_pid,
        zone_id,
        org_id,
        product_id,

        ---------- what was paid
        price_amount,
        price_currency,
        payment_status,

        ---------- times
        created_at,
        paid_at,
        occurred_on
    from newest
    where {{ on_days('occurred_on', 'payment_days') }}
)

select * from payments
