"""The examples of docs/client.md, run as they stand against a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.api.conftest import Served
from tests.client.conftest import key_of

PAGE = Path(__file__).parents[2] / "docs" / "client.md"


def test_the_examples_run(api: Served) -> None:
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(examples) == 3
    script = "\n".join(examples).replace("budget_s=0.05", "budget_s=20.0").replace("budget_s=1.0", "budget_s=20.0")
    script += (
        "\nassert answer.answered and sent.accepted + sent.duplicates == 3 and all(one.answered for one in answers)"
    )
    environment = {**os.environ, "GRAPHSVC_URL": api.url, "GRAPHSVC_KEY": key_of(api)}
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], env=environment, timeout=120)
    assert done.returncode == 0
