{# Made by `make generate` from contracts/ and code. Do not edit. #}

{# The select list of a staging model: every column of its clean table, by kind. #}
{% macro staged(table) %}
{%- if table == 'ai_usage_events' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        user_pid,
        session_id,
        ai_request_id,
        ---------- times
        received_at,
        occurred_at,
        ---------- days
        dt as occurred_on,
        ---------- numbers
        clock_skew_ms,
        input_tokens,
        output_tokens,
        cost_usd,
        latency_ms,
        ---------- texts
        contract_version,
        event_type,
        model_name,
        ai_feature,
        failure_reason
{%- elif table == 'login_events' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        user_pid,
        session_id,
        ---------- times
        received_at,
        occurred_at,
        ---------- days
        dt as occurred_on,
        ---------- numbers
        clock_skew_ms,
        ---------- texts
        contract_version,
        event_type,
        device_type,
        auth_method,
        failure_reason,
        ip_network
{%- elif table == 'exam_events' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        user_pid,
        session_id,
        attempt_id,
        exam_id,
        item_id,
        ---------- times
        received_at,
        occurred_at,
        started_at,
        ---------- days
        dt as occurred_on,
        ---------- flags
        is_correct,
        ---------- numbers
        clock_skew_ms,
        response_index,
        response_time_ms,
        score,
        theta,
        standard_error,
        item_count,
        time_spent_ms,
        ---------- texts
        contract_version,
        event_type,
        device_type,
        skill
{%- elif table == 'behaviour_events' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        session_id,
        user_pid,
        element_id,
        mission_id,
        content_id,
        product_id,
        ---------- times
        received_at,
        occurred_at,
        ---------- days
        dt as occurred_on,
        ---------- numbers
        clock_skew_ms,
        scroll_ratio,
        dwell_ms,
        progress_ratio,
        rating_score,
        quantity,
        price_amount,
        ---------- texts
        contract_version,
        event_type,
        device_type,
        page_path,
        price_currency
{%- elif table == 'attempts' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        attempt_id,
        exam_id,
        user_pid,
        ---------- times
        received_at,
        changed_at,
        started_at,
        finished_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        score,
        theta,
        standard_error,
        time_spent_ms,
        ---------- texts
        contract_version,
        op,
        attempt_status
{%- elif table == 'exams' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        exam_id,
        ---------- times
        received_at,
        changed_at,
        published_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        item_count,
        time_limit_ms,
        ---------- texts
        contract_version,
        op,
        exam_title,
        exam_type
{%- elif table == 'items' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        item_id,
        exam_id,
        ---------- times
        received_at,
        changed_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        item_discrimination,
        item_difficulty,
        item_guessing,
        ---------- texts
        contract_version,
        op,
        skill
{%- elif table == 'organizations' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        ---------- times
        received_at,
        changed_at,
        created_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        ---------- texts
        contract_version,
        op,
        org_name,
        org_type,
        country_code
{%- elif table == 'responses' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        response_id,
        attempt_id,
        item_id,
        user_pid,
        ---------- times
        received_at,
        changed_at,
        responded_at,
        ---------- days
        dt as changed_on,
        ---------- flags
        is_correct,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        response_index,
        response_time_ms,
        ---------- texts
        contract_version,
        op
{%- elif table == 'users' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        user_pid,
        ---------- times
        received_at,
        changed_at,
        signed_up_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        birth_year,
        ---------- texts
        contract_version,
        op,
        role,
        country_code
{%- endif -%}
{% endmacro %}

{# The names that staged() gives. #}
{% macro staged_names(table) -%}
{%- set names = {
  'ai_usage_events': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'session_id', 'ai_request_id', 'received_at', 'occurred_at', 'occurred_on', 'clock_skew_ms', 'input_tokens', 'output_tokens', 'cost_usd', 'latency_ms', 'contract_version', 'event_type', 'model_name', 'ai_feature', 'failure_reason'],
  'login_events': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'session_id', 'received_at', 'occurred_at', 'occurred_on', 'clock_skew_ms', 'contract_version', 'event_type', 'device_type', 'auth_method', 'failure_reason', 'ip_network'],
  'exam_events': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'session_id', 'attempt_id', 'exam_id', 'item_id', 'received_at', 'occurred_at', 'started_at', 'occurred_on', 'is_correct', 'clock_skew_ms', 'response_index', 'response_time_ms', 'score', 'theta', 'standard_error', 'item_count', 'time_spent_ms', 'contract_version', 'event_type', 'device_type', 'skill'],
  'behaviour_events': ['event_id', 'event_key', 'zone_id', 'org_id', 'session_id', 'user_pid', 'element_id', 'mission_id', 'content_id', 'product_id', 'received_at', 'occurred_at', 'occurred_on', 'clock_skew_ms', 'scroll_ratio', 'dwell_ms', 'progress_ratio', 'rating_score', 'quantity', 'price_amount', 'contract_version', 'event_type', 'device_type', 'page_path', 'price_currency'],
  'attempts': ['event_id', 'event_key', 'zone_id', 'org_id', 'attempt_id', 'exam_id', 'user_pid', 'received_at', 'changed_at', 'started_at', 'finished_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'score', 'theta', 'standard_error', 'time_spent_ms', 'contract_version', 'op', 'attempt_status'],
  'exams': ['event_id', 'event_key', 'zone_id', 'org_id', 'exam_id', 'received_at', 'changed_at', 'published_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'item_count', 'time_limit_ms', 'contract_version', 'op', 'exam_title', 'exam_type'],
  'items': ['event_id', 'event_key', 'zone_id', 'org_id', 'item_id', 'exam_id', 'received_at', 'changed_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'item_discrimination', 'item_difficulty', 'item_guessing', 'contract_version', 'op', 'skill'],
  'organizations': ['event_id', 'event_key', 'zone_id', 'org_id', 'received_at', 'changed_at', 'created_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'contract_version', 'op', 'org_name', 'org_type', 'country_code'],
  'responses': ['event_id', 'event_key', 'zone_id', 'org_id', 'response_id', 'attempt_id', 'item_id', 'user_pid', 'received_at', 'changed_at', 'responded_at', 'changed_on', 'is_correct', 'clock_skew_ms', 'source_lsn', 'response_index', 'response_time_ms', 'contract_version', 'op'],
  'users': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'received_at', 'changed_at', 'signed_up_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'birth_year', 'contract_version', 'op', 'role', 'country_code']
} -%}
{{ names[table] | join(', ') }}
{%- endmacro %}
