{{ config(**replaced_by_key('user_pid')) }}

{{ newest_changes(ref('stg_users'), 'user_pid', 'users') }}
