{{ config(**replaced_by_key('payment_id')) }}

{{ newest_changes(ref('stg_payments'), 'payment_id', 'payments') }}
