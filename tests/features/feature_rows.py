"""Moments that the tests of this folder share."""

from datetime import UTC, datetime

FIRST = datetime(2027, 3, 1, 15, tzinfo=UTC)  # the midnight in Seoul that ends the first of March
