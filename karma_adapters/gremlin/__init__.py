"""The graph store on Amazon Neptune, and on any Apache TinkerPop Gremlin Server, through gremlinpython.

`schema` says how the graph is kept, `queries` builds traversals, `client` sends them, `store` implements the
port on the three.
"""
