#!/bin/sh
# Starts Apache TinkerPop Gremlin Server with the files beside this one: `make gremlin-server`, the tests and
# deployments/containers/compose.yaml all do it by this script.
#
#   sh start.sh JARS FOLDER HOST PORT
#
# JARS is the folder of the server's jars; FOLDER, where it may write, gets what it is started with. With KEEP=1
# the graph is read from FOLDER/graph.json at the start and written there when the server is told to end
# (SIGTERM). A server that is killed loses what came since its start; `karma graph build` makes it again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
jars=$1 folder=$2 host=$3 port=$4
cd "$folder"
sed -e "s/^host: .*/host: $host/" -e "s/^port: .*/port: $port/" "$here/gremlin-server.yaml" >gremlin-server.yaml
cp "$here/init.groovy" .
cp "$here/graph.properties" graph.properties
if [ -n "${KEEP:-}" ]; then
    # In GraphSON: as Gryo, a graph with transactions is written empty.
    printf '%s\n' "gremlin.tinkergraph.graphLocation=$folder/graph.open.json" \
        "gremlin.tinkergraph.graphFormat=graphson" >>graph.properties
    rm -f graph.open.json
    [ ! -f graph.json ] || cp graph.json graph.open.json
fi
# Groovy, which the server brings along, compiles what refuses scripts: no JDK is needed.
java -cp "$jars/*" org.codehaus.groovy.tools.FileSystemCompiler \
    -d classes "$here/TraversalsOnly.groovy" "$here/WebSocketOnly.groovy"
set -- java -Xmx"${HEAP:-1g}" -XX:+UseSerialGC -cp "classes:$jars/../conf:$jars/*" \
    org.apache.tinkerpop.gremlin.server.GremlinServer gremlin-server.yaml
[ -n "${KEEP:-}" ] || exec "$@"
"$@" &
server=$!
trap 'kill -s TERM "$server"' TERM INT
code=0
wait "$server" || code=$?
trap '' TERM INT
while kill -0 "$server" 2>/dev/null; do wait "$server" || code=$?; done
# 143: it ended by SIGTERM, and has written its graph. What a killed one began to write is no graph.
if [ "$code" = 143 ]; then mv graph.open.json graph.json; fi
exit "$code"
