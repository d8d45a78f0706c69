"""Rows out of finished runs, and tables out of rows."""
