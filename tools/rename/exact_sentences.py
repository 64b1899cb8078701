"""Whole sentences, by file (paths after rename.py): old, as it reads after rename.py and before the phrases, and new."""
EC = "src/engine/cuda/"
EXACT = {
}
