{{ config(**replaced_by_day('occurred_on', 'revenue', after=29, cluster_by=['zone_id'])) }}

-- Clock `revenue` holds the days with changed payments, and those with activity, which moves the users that it is divided by.

with payments as (
    select * from {{ ref('fact_payments') }}
    where {{ on_days('occurred_on', 'revenue', before=29, after=29) }}
),

currency_days as (
    select
        zone_id,
        price_currency,
        occurred_on,
        count(*) as payment_count,
        {{ count_where("payment_status = 'paid'") }} as paid_count,
        {{ count_where("payment_status = 'refunded'") }} as refunded_count,
        count(distinct case when payment_status = 'paid' then user_pid end) as payer_count,
        cast(coalesce(sum(case when payment_status = 'paid' then price_amount end), 0) as {{ decimal_type() }}) as revenue_amount,
        cast(coalesce(sum(case when payment_status = 'refunded' then price_amount end), 0) as {{ decimal_type() }}) as refunded_amount
    from payments
    group by zone_id, price_currency, occurred_on
),

described as (
    select * from currency_days
    where {{ on_days('occurred_on', 'revenue', after=29) }}
),

months as (
    select
        described.zone_id,
        described.price_currency,
        described.occurred_on,
        cast(sum(currency_days.revenue_amount) as {{ decimal_type() }}) as revenue_30d_amount
    from described
    inner join currency_days
        on described.zone_id = currency_days.zone_id
        and described.price_currency = currency_days.price_currency
        and currency_days.occurred_on between {{ add_days('described.occurred_on', -29) }} and described.occurred_on
    group by described.zone_id, described.price_currency, described.occurred_on
),

activity as (
    select * from {{ ref('mart_daily_activity') }}
    where {{ on_days('activity_on', 'revenue', after=29) }}
),

revenue as (
    select
        described.zone_id,
        described.price_currency,
        described.occurred_on,
        described.payment_count,
        described.paid_count,
        described.refunded_count,
        described.payer_count,
        described.revenue_amount,
        described.refunded_amount,
        months.revenue_30d_amount,
        {{ ratio('described.revenue_amount', 'activity.dau') }} as mean_revenue_per_active_user,
        {{ ratio('months.revenue_30d_amount', 'activity.mau') }} as arpu_30d
    from described
    inner join months
        on described.zone_id = months.zone_id
        and described.price_currency = months.price_currency
        and described.occurred_on = months.occurred_on
    left join activity on described.zone_id = activity.zone_id and described.occurred_on = activity.activity_on
)

select * from revenue
