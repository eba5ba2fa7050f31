"""The graph neural network: Arrow tables and numpy arrays in, probabilities out."""
