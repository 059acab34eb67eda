{{ versions_of(ref('stg_items'), 'item_id', ['exam_id', 'skill', 'item_discrimination', 'item_difficulty', 'item_guessing']) }}
