"""Features for models: the last tables of the journey, made readable by key, and as of any moment.

    features.* in the warehouse ─▶ Parquet ─▶ Feast ─┬▶ online store (SQLite, or Redis) ─▶ the tutor's hot path
      contracts/features ─▶ entities, sources, views ┘└▶ training frames, as things were known at each label's time

entities.py, sources.py, views.py and services.py say what there is, and follow from the contracts; serving.py moves
data; command.py is `lakehouse serve` and `lakehouse features`.
"""
