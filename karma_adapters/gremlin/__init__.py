"""The graph store on Amazon Neptune, and on any Apache TinkerPop Gremlin Server, through gremlinpython.

`schema` says how the graph is kept, `queries` builds traversals, `client` sends them over `connections`, and
`store` implements the port on the three. `retry` says what is tried again, and until when.
"""
