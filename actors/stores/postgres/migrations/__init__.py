"""The schema of a store in PostgreSQL, step by step.

A change is a new file in `versions`, never an edit of an old one.
"""
