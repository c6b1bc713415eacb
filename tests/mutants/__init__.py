"""Builds of the service with one promise taken out each: the suites must notice."""
