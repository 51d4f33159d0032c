"""Matching demand with supply."""
