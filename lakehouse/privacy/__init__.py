"""What keeps people safe: pseudonyms, seals, and what refinement does with each classification."""
