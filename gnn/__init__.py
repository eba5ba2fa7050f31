"""The graph neural network: Arrow tables and numpy arrays in, probabilities out."""

import os

# Over a million accounts half of a forward pass goes into faulting small pages in, unless PyTorch asks for large ones.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
