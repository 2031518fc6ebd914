"""Questions to the graph: by name, or in Gremlin."""

from karma_api.resources.queries import ROUTES
from karma_lambda.entry import serve

handler = serve(ROUTES)
