"""What accounts did: event and label types, tokens, fingerprints, readers."""
