"""How good detection is, and how it fails: the only part that ever opens a truth file."""
