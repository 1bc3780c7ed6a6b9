"""Heights of things stacked on top of each other, and quick answers to "what is at row y?".

A Fenwick tree (Peter Fenwick, "A new data structure for cumulative frequency tables", 1994):
changing one height, summing the heights before an item and finding the item at a row are all
logarithmic; appending is, too.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["HeightIndex"]


class HeightIndex:
    """The heights, in rows, of items that stand in a column. No height is negative."""

    __slots__ = ("_heights", "_total", "_tree")

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._heights = list(heights)
        tree = [0, *self._heights]
        for node in range(1, len(tree)):
            parent = node + (node & -node)
            if parent < len(tree):
                tree[parent] += tree[node]
        self._tree = tree
        self._total = sum(self._heights)

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, index: int) -> int:
        return self._heights[index]

    @property
    def total(self) -> int:
        """The height of everything."""
        return self._total

    def set(self, index: int, height: int) -> int:
        """Set one height; return by how much it grew."""
        difference = height - self._heights[index]
        if difference:
            self._heights[index] = height
            self._total += difference
            tree = self._tree
            node = index + 1
            while node < len(tree):
                tree[node] += difference
                node += node & -node
        return difference

    def append(self, height: int) -> None:
        """Put one more item at the end."""
        node = len(self._tree)
        # The new node covers the items from ``node - lowbit`` on: itself and its subtrees.
        covered = height
        child = node - 1
        lowest = node - (node & -node)
        while child > lowest:
            covered += self._tree[child]
            child -= child & -child
        self._tree.append(covered)
        self._heights.append(height)
        self._total += height

    def pop(self) -> int:
        """Remove the last item; return its height."""
        self._tree.pop()
        height = self._heights.pop()
        self._total -= height
        return height

    def before(self, index: int) -> int:
        """Return the height of everything before ``index``: the row where that item begins."""
        tree = self._tree
        total = 0
        while index > 0:
            total += tree[index]
            index -= index & -index
        return total

    def find(self, row: int) -> tuple[int, int]:
        """Return the item at ``row`` and how many rows below the item's top that is.

        Items of height zero are never found. A row outside is clamped to the first or last row.

        Raises:
            IndexError: there is nothing of any height.
        """
        if self._total <= 0:
            raise IndexError("there are no rows")
        rest = min(max(row, 0), self._total - 1)
        tree = self._tree
        size = len(tree)
        node = 0
        step = 1 << (size - 1).bit_length()
        while step:
            following = node + step
            if following < size and tree[following] <= rest:
                node = following
                rest -= tree[following]
            step >>= 1
        return node, rest
