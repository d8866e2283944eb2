#!/bin/sh
# Makes the two clusters of the image, as the user that will run them:
#   /opt/omcp/pgdata-empty   roles and the database cdm, with nothing in it;
#   /opt/omcp/pgdata-sample  the same, and whatever sample/*.sql puts there, in the files' order (\copy from data/).
set -eu

start() { pg_ctl --silent --pgdata="$1" --wait --log=/tmp/log --options="-k /tmp -c fsync=off -c maintenance_work_mem=256MB" start || { cat /tmp/log; exit 1; }; }
stop() { pg_ctl --silent --pgdata="$1" --wait --mode=fast stop; }
sql() { psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --host=/tmp --username=omcp_admin "$@"; }

empty=/opt/omcp/pgdata-empty
sample=/opt/omcp/pgdata-sample

initdb --pgdata="$empty" --username=omcp_admin --auth=trust --encoding=UTF8 --wal-segsize=1 \
  --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C --no-sync --no-instructions >/dev/null
cp /build/postgresql.conf /build/pg_hba.conf "$empty/"
start "$empty"
sql --dbname=template1 --command="CREATE DATABASE cdm TEMPLATE template0"
sql --dbname=cdm --file=/build/rights.sql >/dev/null
# Two databases less to copy at each start: template0 is enough to make another from.
sql --dbname=cdm --command="DROP DATABASE postgres"
sql --dbname=cdm --command="ALTER DATABASE template1 IS_TEMPLATE false"
sql --dbname=cdm --command="DROP DATABASE template1"
sql --dbname=cdm --command="VACUUM (FREEZE, ANALYZE)"
stop "$empty"

cp -a "$empty" "$sample"
start "$sample"
cd /build/sample
for file in *.sql; do
  if [ -e "$file" ]; then sql --dbname=cdm --file="$file"; fi
done
sql --dbname=cdm --command="VACUUM (FREEZE, ANALYZE)" --command="CHECKPOINT"
stop "$sample"

# What a start writes anew.
for folder in "$empty" "$sample"; do rm -f "$folder/postmaster.opts"; du -sk "$folder"; done
