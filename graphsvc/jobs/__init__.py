"""The work that commands, the API and the worker ask for, from end to end."""
