"""Karma over HTTP: handlers and a route table that know no framework; the FastAPI app over them."""
