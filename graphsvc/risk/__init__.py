"""The risk answer for one account or one new event."""
