"""One file per page, with the partial pages that it is refreshed from."""
