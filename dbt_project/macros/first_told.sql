{# A condition on `ranked`, in a table of what the first event that named a thing says: nothing earlier is kept already. #}
{% macro unless_kept_earlier(key) %}
  {%- if is_incremental() %}
        and not exists (
            select 1
            from {{ this }} as kept
            where kept.{{ key }} = ranked.{{ key }}
                and (
                    kept.occurred_at < ranked.occurred_at
                    or (kept.occurred_at = ranked.occurred_at and kept.event_id < ranked.event_id)
                )
        )
  {%- endif %}
{%- endmacro %}
