"""Plans that were made."""

from karma_api.resources.plans import ROUTES as SERVED
from karma_lambda.entry import serve

handler = serve(SERVED)
