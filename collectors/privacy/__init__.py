"""Requests of people about their data, over HTTP: asked by whoever may speak for them, and looked up until they are answered."""
