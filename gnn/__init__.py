"""The graph neural network: Arrow tables and numpy arrays in, probabilities out."""

import os
import sys

# Over a million accounts half of a forward pass goes into faulting small pages in, unless PyTorch asks for large ones.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

# Numba reads this when it is imported, and gnn.compiled only where something is compiled. The last two are Numba's own.
_LOCATORS = "gnn.compiled.Given,gnn.compiled.Beside,gnn.compiled.OfUser,IPythonCacheLocator,ZipCacheLocator"
os.environ.setdefault("NUMBA_CACHE_LOCATOR_CLASSES", _LOCATORS)
if "numba" in sys.modules:
    sys.modules["numba"].config.CACHE_LOCATOR_CLASSES = os.environ["NUMBA_CACHE_LOCATOR_CLASSES"]
