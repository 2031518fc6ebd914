"""Who calls, and who else may."""

from karma_api.resources.tokens import ROUTES as SERVED
from karma_lambda.entry import serve

handler = serve(SERVED)
