"""Configs and their history; the types."""

from karma_api.resources.config import ROUTES as SERVED
from karma_lambda.entry import serve

handler = serve(SERVED)
