"""The graph engine: names, models, references, graph, plan, walk and use cases, pure behind ports."""
