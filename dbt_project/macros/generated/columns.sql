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
{%- elif table == 'video_events' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        user_pid,
        session_id,
        content_id,
        ---------- times
        received_at,
        occurred_at,
        ---------- days
        dt as occurred_on,
        ---------- numbers
        clock_skew_ms,
        duration_ms,
        ---------- texts
        contract_version,
        event_type,
        device_type,
        language_code,
        content_type,
        video_visibility,
        removal_reason
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
        skill,
        redacted_answer_text
{%- elif table == 'motion_events' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        user_pid,
        session_id,
        practice_id,
        content_id,
        movement_id,
        media_id,
        wrong_movement_id,
        ---------- times
        received_at,
        occurred_at,
        ---------- days
        dt as occurred_on,
        ---------- numbers
        clock_skew_ms,
        duration_ms,
        similarity_score,
        ---------- texts
        contract_version,
        event_type,
        device_type,
        model_name,
        failure_reason
{%- elif table == 'voice_events' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        user_pid,
        session_id,
        practice_id,
        content_id,
        expected_text_id,
        media_id,
        ---------- times
        received_at,
        occurred_at,
        ---------- days
        dt as occurred_on,
        ---------- numbers
        clock_skew_ms,
        duration_ms,
        accuracy_score,
        prosody_score,
        ---------- texts
        contract_version,
        event_type,
        device_type,
        language_code,
        model_name,
        failure_reason
{%- elif table == 'consent_events' -%}
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
        consent_purpose,
        policy_version,
        consent_source
{%- elif table == 'erasure_requests' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        user_pid,
        request_id,
        requester_pid,
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
        requester_role,
        request_channel
{%- elif table == 'rights_requests' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        user_pid,
        request_id,
        requester_pid,
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
        requester_role,
        request_channel,
        rectified_dataset,
        rectified_field,
        rectified_row,
        restriction_reason
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
        campaign_id,
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
        redacted_review_text,
        price_currency
{%- elif table == 'ai_requests' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        ai_request_id,
        user_pid,
        ---------- times
        received_at,
        changed_at,
        created_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        source_epoch,
        input_tokens,
        output_tokens,
        cost_usd,
        latency_ms,
        ---------- texts
        contract_version,
        op,
        unchanged_fields,
        ai_feature,
        model_name
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
        source_epoch,
        score,
        theta,
        standard_error,
        time_spent_ms,
        ---------- texts
        contract_version,
        op,
        unchanged_fields,
        attempt_status
{%- elif table == 'classes' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        class_id,
        user_pid,
        ---------- times
        received_at,
        changed_at,
        created_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        source_epoch,
        ---------- texts
        contract_version,
        op,
        unchanged_fields
{%- elif table == 'exam_sessions' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        exam_session_id,
        exam_id,
        class_id,
        ---------- times
        received_at,
        changed_at,
        opens_at,
        closes_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        source_epoch,
        ---------- texts
        contract_version,
        op,
        unchanged_fields
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
        source_epoch,
        item_count,
        time_limit_ms,
        ---------- texts
        contract_version,
        op,
        unchanged_fields,
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
        source_epoch,
        item_discrimination,
        item_difficulty,
        item_guessing,
        ---------- texts
        contract_version,
        op,
        unchanged_fields,
        skill
{%- elif table == 'kzone_ai_results' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        ai_result_id,
        content_id,
        user_pid,
        ---------- times
        received_at,
        changed_at,
        created_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        source_epoch,
        accuracy_score,
        similarity_score,
        latency_ms,
        ---------- texts
        contract_version,
        op,
        unchanged_fields,
        ai_result_type,
        model_name
{%- elif table == 'kzone_contents' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        content_id,
        user_pid,
        ---------- times
        received_at,
        changed_at,
        created_at,
        published_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        source_epoch,
        duration_ms,
        ---------- texts
        contract_version,
        op,
        unchanged_fields,
        content_type
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
        source_epoch,
        ---------- texts
        contract_version,
        op,
        unchanged_fields,
        org_name,
        org_type,
        country_code
{%- elif table == 'parent_student_links' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        link_id,
        user_pid,
        student_user_pid,
        ---------- times
        received_at,
        changed_at,
        created_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        source_epoch,
        ---------- texts
        contract_version,
        op,
        unchanged_fields
{%- elif table == 'payments' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        payment_id,
        user_pid,
        product_id,
        ---------- times
        received_at,
        changed_at,
        created_at,
        paid_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        source_epoch,
        price_amount,
        ---------- texts
        contract_version,
        op,
        unchanged_fields,
        price_currency,
        payment_status
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
        source_epoch,
        response_index,
        response_time_ms,
        ---------- texts
        contract_version,
        op,
        unchanged_fields,
        redacted_answer_text
{%- elif table == 'students' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        user_pid,
        class_id,
        ---------- times
        received_at,
        changed_at,
        ---------- days
        joined_on,
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        source_epoch,
        ---------- texts
        contract_version,
        op,
        unchanged_fields
{%- elif table == 'table_floors' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        ---------- times
        received_at,
        changed_at,
        ---------- days
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        source_epoch,
        ---------- texts
        contract_version,
        op,
        table_name,
        floor_reason
{%- elif table == 'teachers' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        user_pid,
        ---------- times
        received_at,
        changed_at,
        ---------- days
        joined_on,
        dt as changed_on,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        source_epoch,
        ---------- texts
        contract_version,
        op,
        unchanged_fields,
        skill
{%- elif table == 'user_consents' -%}
        ---------- ids
        event_id,
        event_key,
        zone_id,
        org_id,
        consent_id,
        user_pid,
        ---------- times
        received_at,
        changed_at,
        decided_at,
        ---------- days
        dt as changed_on,
        ---------- flags
        is_granted,
        ---------- numbers
        clock_skew_ms,
        source_lsn,
        source_epoch,
        ---------- texts
        contract_version,
        op,
        unchanged_fields,
        consent_purpose,
        policy_version
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
        source_epoch,
        birth_year,
        ---------- texts
        contract_version,
        op,
        unchanged_fields,
        role,
        country_code
{%- elif table == 'ability_estimates' -%}
        ---------- ids
        user_pid,
        ---------- days
        calibrated_on,
        dt as estimated_on,
        ---------- numbers
        theta,
        standard_error,
        response_count,
        ---------- texts
        skill
{%- elif table == 'item_calibrations' -%}
        ---------- ids
        item_id,
        ---------- days
        compared_calibrated_on,
        dt as calibrated_on,
        ---------- flags
        is_drifting,
        ---------- numbers
        calibrated_discrimination,
        calibrated_difficulty,
        calibrated_guessing,
        discrimination_error,
        difficulty_error,
        guessing_error,
        difficulty_deviation,
        calibrated_response_count,
        difficulty_shift,
        drift_z
{%- endif -%}
{% endmacro %}

{# The names that staged() gives. #}
{% macro staged_names(table) -%}
{%- set names = {
  'ai_usage_events': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'session_id', 'ai_request_id', 'received_at', 'occurred_at', 'occurred_on', 'clock_skew_ms', 'input_tokens', 'output_tokens', 'cost_usd', 'latency_ms', 'contract_version', 'event_type', 'model_name', 'ai_feature', 'failure_reason'],
  'login_events': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'session_id', 'received_at', 'occurred_at', 'occurred_on', 'clock_skew_ms', 'contract_version', 'event_type', 'device_type', 'auth_method', 'failure_reason', 'ip_network'],
  'video_events': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'session_id', 'content_id', 'received_at', 'occurred_at', 'occurred_on', 'clock_skew_ms', 'duration_ms', 'contract_version', 'event_type', 'device_type', 'language_code', 'content_type', 'video_visibility', 'removal_reason'],
  'exam_events': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'session_id', 'attempt_id', 'exam_id', 'item_id', 'received_at', 'occurred_at', 'started_at', 'occurred_on', 'is_correct', 'clock_skew_ms', 'response_index', 'response_time_ms', 'score', 'theta', 'standard_error', 'item_count', 'time_spent_ms', 'contract_version', 'event_type', 'device_type', 'skill', 'redacted_answer_text'],
  'motion_events': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'session_id', 'practice_id', 'content_id', 'movement_id', 'media_id', 'wrong_movement_id', 'received_at', 'occurred_at', 'occurred_on', 'clock_skew_ms', 'duration_ms', 'similarity_score', 'contract_version', 'event_type', 'device_type', 'model_name', 'failure_reason'],
  'voice_events': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'session_id', 'practice_id', 'content_id', 'expected_text_id', 'media_id', 'received_at', 'occurred_at', 'occurred_on', 'clock_skew_ms', 'duration_ms', 'accuracy_score', 'prosody_score', 'contract_version', 'event_type', 'device_type', 'language_code', 'model_name', 'failure_reason'],
  'consent_events': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'session_id', 'received_at', 'occurred_at', 'occurred_on', 'clock_skew_ms', 'contract_version', 'event_type', 'consent_purpose', 'policy_version', 'consent_source'],
  'erasure_requests': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'request_id', 'requester_pid', 'received_at', 'occurred_at', 'occurred_on', 'clock_skew_ms', 'contract_version', 'event_type', 'requester_role', 'request_channel'],
  'rights_requests': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'request_id', 'requester_pid', 'received_at', 'occurred_at', 'occurred_on', 'clock_skew_ms', 'contract_version', 'event_type', 'requester_role', 'request_channel', 'rectified_dataset', 'rectified_field', 'rectified_row', 'restriction_reason'],
  'behaviour_events': ['event_id', 'event_key', 'zone_id', 'org_id', 'session_id', 'user_pid', 'element_id', 'mission_id', 'content_id', 'product_id', 'campaign_id', 'received_at', 'occurred_at', 'occurred_on', 'clock_skew_ms', 'scroll_ratio', 'dwell_ms', 'progress_ratio', 'rating_score', 'quantity', 'price_amount', 'contract_version', 'event_type', 'device_type', 'page_path', 'redacted_review_text', 'price_currency'],
  'ai_requests': ['event_id', 'event_key', 'zone_id', 'org_id', 'ai_request_id', 'user_pid', 'received_at', 'changed_at', 'created_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'input_tokens', 'output_tokens', 'cost_usd', 'latency_ms', 'contract_version', 'op', 'unchanged_fields', 'ai_feature', 'model_name'],
  'attempts': ['event_id', 'event_key', 'zone_id', 'org_id', 'attempt_id', 'exam_id', 'user_pid', 'received_at', 'changed_at', 'started_at', 'finished_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'score', 'theta', 'standard_error', 'time_spent_ms', 'contract_version', 'op', 'unchanged_fields', 'attempt_status'],
  'classes': ['event_id', 'event_key', 'zone_id', 'org_id', 'class_id', 'user_pid', 'received_at', 'changed_at', 'created_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'contract_version', 'op', 'unchanged_fields'],
  'exam_sessions': ['event_id', 'event_key', 'zone_id', 'org_id', 'exam_session_id', 'exam_id', 'class_id', 'received_at', 'changed_at', 'opens_at', 'closes_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'contract_version', 'op', 'unchanged_fields'],
  'exams': ['event_id', 'event_key', 'zone_id', 'org_id', 'exam_id', 'received_at', 'changed_at', 'published_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'item_count', 'time_limit_ms', 'contract_version', 'op', 'unchanged_fields', 'exam_title', 'exam_type'],
  'items': ['event_id', 'event_key', 'zone_id', 'org_id', 'item_id', 'exam_id', 'received_at', 'changed_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'item_discrimination', 'item_difficulty', 'item_guessing', 'contract_version', 'op', 'unchanged_fields', 'skill'],
  'kzone_ai_results': ['event_id', 'event_key', 'zone_id', 'org_id', 'ai_result_id', 'content_id', 'user_pid', 'received_at', 'changed_at', 'created_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'accuracy_score', 'similarity_score', 'latency_ms', 'contract_version', 'op', 'unchanged_fields', 'ai_result_type', 'model_name'],
  'kzone_contents': ['event_id', 'event_key', 'zone_id', 'org_id', 'content_id', 'user_pid', 'received_at', 'changed_at', 'created_at', 'published_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'duration_ms', 'contract_version', 'op', 'unchanged_fields', 'content_type'],
  'organizations': ['event_id', 'event_key', 'zone_id', 'org_id', 'received_at', 'changed_at', 'created_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'contract_version', 'op', 'unchanged_fields', 'org_name', 'org_type', 'country_code'],
  'parent_student_links': ['event_id', 'event_key', 'zone_id', 'org_id', 'link_id', 'user_pid', 'student_user_pid', 'received_at', 'changed_at', 'created_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'contract_version', 'op', 'unchanged_fields'],
  'payments': ['event_id', 'event_key', 'zone_id', 'org_id', 'payment_id', 'user_pid', 'product_id', 'received_at', 'changed_at', 'created_at', 'paid_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'price_amount', 'contract_version', 'op', 'unchanged_fields', 'price_currency', 'payment_status'],
  'responses': ['event_id', 'event_key', 'zone_id', 'org_id', 'response_id', 'attempt_id', 'item_id', 'user_pid', 'received_at', 'changed_at', 'responded_at', 'changed_on', 'is_correct', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'response_index', 'response_time_ms', 'contract_version', 'op', 'unchanged_fields', 'redacted_answer_text'],
  'students': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'class_id', 'received_at', 'changed_at', 'joined_on', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'contract_version', 'op', 'unchanged_fields'],
  'table_floors': ['event_id', 'event_key', 'zone_id', 'org_id', 'received_at', 'changed_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'contract_version', 'op', 'table_name', 'floor_reason'],
  'teachers': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'received_at', 'changed_at', 'joined_on', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'contract_version', 'op', 'unchanged_fields', 'skill'],
  'user_consents': ['event_id', 'event_key', 'zone_id', 'org_id', 'consent_id', 'user_pid', 'received_at', 'changed_at', 'decided_at', 'changed_on', 'is_granted', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'contract_version', 'op', 'unchanged_fields', 'consent_purpose', 'policy_version'],
  'users': ['event_id', 'event_key', 'zone_id', 'org_id', 'user_pid', 'received_at', 'changed_at', 'signed_up_at', 'changed_on', 'clock_skew_ms', 'source_lsn', 'source_epoch', 'birth_year', 'contract_version', 'op', 'unchanged_fields', 'role', 'country_code'],
  'ability_estimates': ['user_pid', 'calibrated_on', 'estimated_on', 'theta', 'standard_error', 'response_count', 'skill'],
  'item_calibrations': ['item_id', 'compared_calibrated_on', 'calibrated_on', 'is_drifting', 'calibrated_discrimination', 'calibrated_difficulty', 'calibrated_guessing', 'discrimination_error', 'difficulty_error', 'guessing_error', 'difficulty_deviation', 'calibrated_response_count', 'difficulty_shift', 'drift_z']
} -%}
{{ names[table] | join(', ') }}
{%- endmacro %}
