"""Components, and why they are as they are."""

from karma_api.resources.components import ROUTES
from karma_lambda.entry import serve

handler = serve(ROUTES)
