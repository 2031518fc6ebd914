"""An environment as plans and runs see it: components, graph, values and applied records."""
