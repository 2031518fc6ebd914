"""The graph: shown, walked, compared."""

from karma_api.resources.graph import ROUTES
from karma_lambda.entry import serve

handler = serve(ROUTES)
