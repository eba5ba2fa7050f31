"""The processes of `graphsvc serve`, and how requests come to the app. What it imports is imported before they part,
so that each part of the app is imported late, by the process that needs it.
"""
