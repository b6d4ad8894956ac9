"""Minimum cuts of graphs (Boykov and Jolly, "Interactive Graph Cuts", ICCV 2001), solved by OR-tools."""

import numpy as np

from .grid import Array


class MinimumCut:
    """Collects the arcs of a graph, and finds the cut of least cost between its source and its sink."""

    def __init__(self, nodes: int) -> None:
        """Begins a graph with `nodes` nodes, numbered from 0."""
        self._nodes = nodes
        self._tails: list[Array] = []
        self._heads: list[Array] = []
        self._costs: list[Array] = []

    def connect(self, tails: Array | int, heads: Array | int, costs: Array | float) -> None:
        """Adds arcs: a tail on the source's side costs this much if its head is on the sink's.

        Args:
            tails: numbers of nodes, int32 of any shape.
            heads: the same.
            costs: of each arc; arcs that cost nothing are left out.
        """
        tails, heads, costs = np.broadcast_arrays(tails, heads, costs)
        paid = costs > 0
        self._tails.append(tails[paid])
        self._heads.append(heads[paid])
        self._costs.append(costs[paid])

    def prefer(self, nodes: Array, costs: Array) -> None:
        """Adds costs of single nodes: for being on the sink's side where positive, on the source's where negative."""
        self.connect(self._nodes, nodes, costs)
        self.connect(nodes, self._nodes + 1, -costs)

    def solve(self, scale: float = 1.0) -> Array:
        """Finds the cut.

        Args:
            scale: factor of all costs, which the solver then rounds to whole numbers.

        Returns:
            Whether each node is on the source's side: (nodes,) bool.
        """
        from ortools.graph.python import max_flow  # takes time to import

        solver = max_flow.SimpleMaxFlow()
        solver.add_arcs_with_capacity(
            np.concatenate(self._tails).astype(np.int32),
            np.concatenate(self._heads).astype(np.int32),
            np.rint(scale * np.concatenate(self._costs)).astype(np.int64),
        )
        solver.solve(self._nodes, self._nodes + 1)
        side = np.zeros(self._nodes + 2, bool)
        side[np.asarray(solver.get_source_side_min_cut())] = True
        return side[: self._nodes]
