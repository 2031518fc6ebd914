"""GraphQL. Its library is loaded by the first query that is let in."""

from karma_api.resources.graphql import ROUTES as SERVED
from karma_lambda.entry import serve

handler = serve(SERVED)
