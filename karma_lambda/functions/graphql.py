"""GraphQL."""

import karma_api.graphql.execution  # noqa: F401 - loaded while the container starts, not in the first request
from karma_api.resources.graphql import ROUTES as SERVED
from karma_lambda.entry import serve

handler = serve(SERVED)
