"""Components, and why they are as they are."""

from karma_api.resources.components import ROUTES as SERVED
from karma_lambda.entry import serve

handler = serve(SERVED)
