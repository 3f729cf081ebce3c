"""Print how well the corpus is read, by family."""

from .corpus import lines

print("\n".join(lines()))
