"""Who calls, and who else may."""

from karma_api.resources.tokens import ROUTES
from karma_lambda.entry import serve

handler = serve(ROUTES)
