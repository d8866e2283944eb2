#!/bin/sh
# Lays out under /rootfs what a PostgreSQL 17 server needs of the distribution's packages: no LLVM, no Perl, and of
# the extensions none but plpgsql.
set -eu
cd /build
apt-get update -q
apt-get download -q postgresql-17 postgresql-client-17
for package in *.deb; do dpkg-deb -x "$package" unpacked; done

from=unpacked/usr/lib/postgresql/17
to=/rootfs/usr/lib/postgresql/17
mkdir -p "$to/bin" "$to/lib"
for name in initdb pg_controldata pg_ctl pg_isready postgres psql; do cp -a "$from/bin/$name" "$to/bin/"; done
# Conversions between encodings, the text search dictionaries, the one procedural language.
for pattern in '*_and_*.so' 'euc2004_sjis2004.so' 'dict_snowball.so' 'plpgsql.so'; do
  find "$from/lib" -maxdepth 1 -name "$pattern" -exec cp -a '{}' "$to/lib/" ';'
done

from=unpacked/usr/share/postgresql/17
to=/rootfs/usr/share/postgresql/17
mkdir -p "$to/extension"
for name in timezonesets tsearch_data postgres.bki information_schema.sql snowball_create.sql sql_features.txt \
  system_constraints.sql system_functions.sql system_views.sql errcodes.txt; do
  cp -a "$from/$name" "$to/"
done
cp -a "$from"/*.sample "$to/"
# Dictionaries that the distribution fetches from elsewhere dangle here.
find "$to" -xtype l -delete
cp -a "$from"/extension/plpgsql* "$to/extension/"
mkdir -p /rootfs/usr/share/doc
cp -a unpacked/usr/share/doc/postgresql-17 /rootfs/usr/share/doc/
